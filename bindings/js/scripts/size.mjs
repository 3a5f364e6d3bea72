// Prints the sizes of the WebAssembly modules and fails if one is above its budget.
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

/** Most bytes of each module, compressed with brotli at level 11. */
const modules = [
  { name: 'engine', files: ['wasm/engine/kalamdb_wasm_bg.wasm'], brotliMax: 600_000 },
  { name: 'query', files: ['wasm/query/kalamdb_query_bg.wasm'], brotliMax: 3_500_000 }
]

const brotli = (bytes) =>
  brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length
    }
  }).length

const columns = ['module', 'raw', 'gzip -9', 'brotli -11', 'budget', '']
const rows = modules.map(({ name, files, brotliMax }) => {
  const bytes = Buffer.concat(files.map((file) => readFileSync(join(root, file))))
  const size = brotli(bytes)
  return [
    name,
    bytes.length,
    gzipSync(bytes, { level: 9 }).length,
    size,
    brotliMax,
    size <= brotliMax ? 'ok' : 'TOO LARGE'
  ]
})
const text = [columns, ...rows].map((row) =>
  row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell))
)
const widths = columns.map((_, at) => Math.max(...text.map((row) => row[at].length)))
for (const row of text) {
  console.log(
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at])))
      .join('  ')
      .trimEnd()
  )
}
if (rows.some((row) => row.at(-1) !== 'ok')) {
  console.error('a module is above its budget: docs/performance.md says what was left out to keep it')
  process.exit(1)
}
