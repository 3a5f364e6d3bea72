// Builds dist: the compiled sources and the WebAssembly modules, which `cargo xtask` makes with wasm-bindgen.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const dist = join(root, 'dist')

/** The output of wasm-bindgen for the engine and the query module. */
const modules = [
  { name: 'engine', file: 'kalamdb_wasm', from: process.env.KALAMDB_ENGINE_PKG ?? join(root, 'wasm/engine') },
  { name: 'query', file: 'kalamdb_query', from: process.env.KALAMDB_QUERY_PKG ?? join(root, 'wasm/query') }
]

for (const { name, file, from } of modules) {
  for (const part of [`${file}.js`, `${file}_bg.wasm`]) {
    if (!existsSync(join(from, part))) {
      const variable = `KALAMDB_${name.toUpperCase()}_PKG`
      console.error(`${join(from, part)} is not there: build it with cargo xtask, or name its folder with ${variable}`)
      process.exit(1)
    }
  }
}

rmSync(dist, { recursive: true, force: true })
execFileSync(
  process.execPath,
  [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'tsconfig.build.json')],
  { stdio: 'inherit' }
)
for (const { name, file, from } of modules) {
  const to = join(dist, 'wasm', name)
  mkdirSync(to, { recursive: true })
  for (const part of [`${file}.js`, `${file}_bg.wasm`]) cpSync(join(from, part), join(to, part))
}
cpSync(join(root, '../../LICENSE'), join(root, 'LICENSE'))
