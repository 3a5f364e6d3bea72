// What files weigh when they are sent compressed. Brotli at its highest level takes a minute for the largest file, so
// that sizes are kept by the hash of the file.

import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

const CACHE = fileURLToPath(new URL('../.build/sizes.json', import.meta.url))
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }
const GZIP = { level: 9 }

/**
 * Bytes of some files together.
 * @param {Iterable<Buffer>} files
 * @returns {Promise<{ raw: number, gzip: number, brotli: number, files: number }>}
 */
export async function sizes(files) {
  const known = await readFile(CACHE, 'utf8').then(JSON.parse, () => ({}))
  const sum = { raw: 0, gzip: 0, brotli: 0, files: 0 }
  for (const file of files) {
    const hash = createHash('sha256').update(file).digest('hex')
    const size = (known[hash] ??= {
      gzip: (await promisify(gzip)(file, GZIP)).length,
      brotli: (await promisify(brotliCompress)(file, BROTLI)).length,
    })
    sum.raw += file.length
    sum.gzip += size.gzip
    sum.brotli += size.brotli
    sum.files += 1
  }
  await mkdir(dirname(CACHE), { recursive: true })
  await writeFile(CACHE, JSON.stringify(known))
  return sum
}
