/**
 * How long it takes from `open()` to the first rows when the browser has the code already, in an application that a bundler
 * has built. Printed, not judged.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { build } from 'vite'
import { Profile } from './support/profile.js'
import { PACKAGE, Site } from './support/site.js'

const VISITS = 7
/** The browser keeps compiled code as soon as it is hot: without a window it was not seen to do that by itself. */
const KEEPS_CODE = ['--js-flags=--wasm-caching-timeout-ms=0']
const folder = mkdtempSync(join(tmpdir(), 'kalamdb-start-'))
let site: Site

beforeAll(async () => {
  for (const file of ['page.html', 'page.js']) cpSync(join(import.meta.dirname, 'support', file), join(folder, file))
  await build({
    root: folder,
    configFile: false,
    logLevel: 'error',
    resolve: { alias: { '/dist/index.js': join(PACKAGE, 'dist/index.js') } },
    build: { rollupOptions: { input: join(folder, 'page.html') } }
  })
  site = await new Site([['/', join(folder, 'dist')]]).start()
  site.cacheControl = 'public, max-age=31536000, immutable'
})
afterAll(async () => {
  await site?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const QUERY = 'SELECT id, title FROM app.notes WHERE id < 100 ORDER BY id'

interface Figures {
  readonly open: number
  readonly query: number
  readonly engine: number
}

it('a visit with cached code', async () => {
  const profile = new Profile()
  const visits: Figures[] = []
  try {
    for (let visit = 0; visit <= VISITS; visit++) {
      const tab = await (await profile.start(site.url, KEEPS_CODE)).tab()
      if (visit === 0) {
        await tab.open({ name: 'start' })
        await tab.query('CREATE NAMESPACE app; CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT)')
        await tab.run(async ({ db }, query) => {
          const rows = Array.from({ length: 1_000 }, (_, id) => `(${id}, 'note ${id}')`)
          await (await db.query(`INSERT INTO app.notes VALUES ${rows.join(', ')}`)).persisted()
          // Used enough for the browser to keep its code.
          for (let count = 0; count < 2_000; count++) await db.query(query)
        }, QUERY)
      } else {
        const figures = await tab.run(async ({ kalam }, query) => {
          const start = performance.now()
          const db = await kalam.open({ name: 'start' })
          const open = performance.now() - start
          const rows = await db.query(query)
          return { open, query: performance.now() - start, engine: db.modules[0]?.ms ?? 0, rows: rows.length }
        }, QUERY)
        expect(figures.rows).toBe(100)
        visits.push(figures)
      }
      await profile.stop()
    }
  } finally {
    await profile.remove()
  }
  const middle = (of: keyof Figures): number =>
    Math.round(visits.map((visit) => visit[of]).sort((a, b) => a - b)[Math.floor(visits.length / 2)] ?? 0)
  console.log(
    `with cached code, median of ${VISITS} visits: open() ${middle('open')} ms, to the first rows ${middle('query')} ms, of which loading the engine ${middle('engine')} ms`
  )
})
