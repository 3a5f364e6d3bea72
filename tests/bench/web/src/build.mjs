// The pages, built as an application would be.

import { access, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { resolve } from 'node:path'
import { build } from 'vite'

const FOLDER = fileURLToPath(new URL('..', import.meta.url))
const PAGES = resolve(FOLDER, 'page')

/** Where the built pages are. */
export const BUILT = resolve(FOLDER, '.build/pages')

/**
 * Builds the pages into {@link BUILT}.
 * @returns {Promise<string | undefined>} why KalamDB's package is not in them
 */
export async function buildPages() {
  const kalamdb = await findKalamdb()
  await build({
    root: PAGES,
    configFile: false,
    logLevel: 'error',
    resolve: { alias: [{ find: /^kalamdb$/, replacement: kalamdb.entry }] },
    worker: { format: 'es' },
    build: {
      outDir: BUILT,
      emptyOutDir: true,
      target: 'esnext',
      assetsInlineLimit: 0,
      reportCompressedSize: false,
      chunkSizeWarningLimit: Number.MAX_SAFE_INTEGER,
      rolldownOptions: { input: { bench: resolve(PAGES, 'bench.html'), visit: resolve(PAGES, 'visit.html') } },
    },
  })
  return kalamdb.missing
}

/** The entry of the built package, or of a module that throws on use if there is none. */
async function findKalamdb() {
  const folder = resolve(process.env.KALAMDB_JS ?? resolve(FOLDER, '../../../bindings/js'))
  const absent = resolve(PAGES, 'kalamdb_absent.js')
  try {
    const { exports, main } = JSON.parse(await readFile(resolve(folder, 'package.json'), 'utf8'))
    const root = exports?.['.'] ?? main
    const entry = resolve(folder, typeof root === 'string' ? root : (root.browser ?? root.import ?? root.default))
    await access(entry)
    return { entry }
  } catch (error) {
    return { entry: absent, missing: `the package kalamdb is not built: ${error.message}` }
  }
}
