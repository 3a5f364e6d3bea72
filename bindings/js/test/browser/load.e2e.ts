/** Files of the package that do not come as they should: the message says which, what is there instead, and what to do. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Answer } from './support/site.js'
import { failure, type Tab } from './support/tab.js'
import { useWorld } from './support/world.js'

const world = useWorld()
let tab: Tab

beforeEach(async () => {
  tab = await world.tab()
})

const ENGINE = '/dist/wasm/engine/kalamdb_wasm_bg.wasm'
const QUERY = '/dist/wasm/query/kalamdb_query_bg.wasm'
const html = { body: '<!doctype html>\n<html lang="en"></html>' }

const WRONG: Record<string, [Answer, RegExp]> = {
  'is not there': [{ status: 404, ...html }, /404/],
  'is a page of HTML': [html, /HTML/],
  'is cut off': [{ type: 'application/wasm', body: Buffer.from([0, 97, 115, 109, 1, 0]) }, /CompileError|WebAssembly/]
}

describe('the engine', () => {
  for (const [how, [answer, why]] of Object.entries(WRONG)) {
    it(`that ${how} is named`, async () => {
      world.site.answers.set(ENGINE, answer)
      const error = await failure(tab.open({ name: 'load' }))
      expect(error).toMatchObject({ name: 'KalamError', kind: 'internal', code: 'module_not_loaded' })
      expect(error.message).toContain(ENGINE)
      expect(error.message).toMatch(why)
      expect(error.message).toContain('optimizeDeps')
      world.site.answers.clear()
      await tab.open({ name: 'load' })
    })
  }

  it('comes with a wrong type of content, and is taken', async () => {
    const { readFileSync } = await import('node:fs')
    const { join } = await import('node:path')
    const { PACKAGE } = await import('./support/site.js')
    world.site.answers.set(ENGINE, { type: 'text/plain', body: readFileSync(join(PACKAGE, ENGINE.slice(1))) })
    await tab.open({ name: 'load' })
    expect(await tab.run(({ db }) => db.modules.length)).toBe(1)
  })
})

describe('the worker', () => {
  it('that is not there is named', async () => {
    world.site.answers.set('/dist/worker.js', { status: 404, ...html })
    const error = await failure(tab.open({ name: 'load' }))
    expect(error).toMatchObject({ kind: 'internal', code: 'module_not_loaded' })
    expect(error.message).toContain('/dist/worker.js')
    expect(error.message).toContain('404')
  })

  it('that is a page of HTML is named', async () => {
    world.site.answers.set('/dist/worker.js', html)
    const error = await failure(tab.open({ name: 'load' }))
    expect(error.message).toMatch(/worker\.js.*text\/html/)
  })

  it('whose own files are missing is named', async () => {
    world.site.answers.set('/dist/worker/member.js', { status: 404, ...html })
    const error = await failure(tab.open({ name: 'load' }))
    expect(error).toMatchObject({ kind: 'internal', code: 'module_not_loaded' })
    expect(error.message).toContain('/dist/worker.js')
  })

  it('may be made by hand', async () => {
    const rows = await tab.run(async ({ kalam }) => {
      const worker = () => new Worker('/dist/worker.js', { type: 'module' })
      const db = await kalam.open({ name: 'by-hand', worker })
      await db.query('CREATE NAMESPACE app; CREATE USER TABLE app.t (id INT PRIMARY KEY); INSERT INTO app.t VALUES (1)')
      return [...(await db.query('SELECT id FROM app.t'))]
    })
    expect(rows).toEqual([{ id: 1 }])
  })
})

describe('the query module', () => {
  const upper = 'SELECT upper(title) AS title FROM app.notes'

  beforeEach(async () => {
    await tab.open({ name: 'load' })
    await tab.query(
      "CREATE NAMESPACE app; CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT); INSERT INTO app.notes VALUES (1, 'x')"
    )
  })

  it('that does not come is the query’s error, and the next one tries again', async () => {
    world.site.answers.set(QUERY, html)
    const error = await failure(tab.query(upper))
    expect(error).toMatchObject({ kind: 'internal', code: 'module_not_loaded' })
    expect(error.message).toContain(QUERY)
    expect(await tab.query('SELECT title FROM app.notes')).toEqual([{ title: 'x' }])
    world.site.answers.clear()
    expect(await tab.query(upper)).toEqual([{ title: 'X' }])
  })

  it('that is not there offline is told as such', async () => {
    await tab.page.context().setOffline(true)
    const error = await failure(tab.query(upper))
    expect(error.message).toContain('loadQueryModule')
    expect(error).toMatchObject({ kind: 'retry', code: 'module_not_loaded' })
    await tab.page.context().setOffline(false)
    expect(await tab.query(upper)).toEqual([{ title: 'X' }])
  })
})
