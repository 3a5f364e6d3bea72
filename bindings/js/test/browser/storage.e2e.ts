/** What browsers do to what is stored: they have none, are full, throw it away, or hold it back. */
import { describe, expect, it } from 'vitest'
import type { Tab } from './support/tab.js'
import { NOTES } from './support/tables.js'
import { until } from './support/until.js'
import { useWorld } from './support/world.js'

const world = useWorld()

async function open(): Promise<Tab> {
  const tab = await (await world.ownTab()).open({ name: 'storage' }, NOTES)
  await watch(tab)
  return tab
}

/** Keeps the errors that the database tells. */
const watch = (tab: Tab): Promise<void> =>
  tab.run(({ db, kept }) => {
    kept.errors = []
    db.on('error', (error) => kept.errors.push({ kind: error.kind, code: error.code, message: error.message }))
  })
const errors = (tab: Tab): Promise<{ kind: string; code: string; message: string }[]> =>
  tab.run(({ kept }) => kept.errors)

describe('without IndexedDB', () => {
  const none = "Object.defineProperty(globalThis, 'indexedDB', { value: undefined })"
  const throws = "IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError') }"
  const fails = `
    const real = IDBFactory.prototype.open
    IDBFactory.prototype.open = function () {
      const request = real.call(this, 'another')
      Object.defineProperty(request, 'error', { value: new DOMException('no', 'InvalidStateError') })
      queueMicrotask(() => request.onerror(new Event('error')))
      return request
    }`
  it.each([
    ['that is missing', none],
    ['that throws', throws],
    ['that fails', fails]
  ])('%s rows are in memory, and the database says why', async (_, browser) => {
    const tab = await world.ownTab()
    const seen = await tab.run(async (api, of) => {
      const db = (api.db = await api.kalam.open({ name: 'private', worker: api.changedBy(of) }))
      await db.query('CREATE NAMESPACE app; CREATE USER TABLE app.notes (id INT PRIMARY KEY)')
      const write = await db.query('INSERT INTO app.notes VALUES (1)')
      await write.persisted()
      return {
        rows: [...(await db.query('SELECT id FROM app.notes'))],
        mode: db.storage.mode,
        reason: db.storage.reason
      }
    }, browser)
    expect(seen).toEqual({ rows: [{ id: 1 }], mode: 'memory', reason: expect.stringMatching(/IndexedDB/) as string })
  })
})

describe('a full disk', { retry: 0 }, () => {
  /** Writes a row of 200 kB that does not compress. */
  const fill = (tab: Tab, id: number): Promise<void> =>
    tab.run(async ({ db }, of) => {
      const bytes = new Uint8Array(60_000)
      crypto.getRandomValues(bytes)
      const text = Array.from(bytes, (byte) => String.fromCharCode(0x400 + byte)).join('')
      const write = await db.query('INSERT INTO app.notes VALUES ($1, $2)', [
        of,
        text + text.split('').reverse().join('')
      ])
      await write.persisted()
    }, id)

  it('freezes writing with kind quota, and loses nothing that was persisted', async () => {
    // Before the database is opened: the browser asks for the quota only now and then.
    const idle = await world.ownTab()
    const cdp = await idle.cdp()
    await cdp.send('Storage.overrideQuotaForOrigin', { origin: world.site.url, quotaSize: 3_000_000 })
    const tab = await open()
    await tab.write("INSERT INTO app.notes VALUES (0, 'first')")
    const promised: number[] = [0]
    let refused: { kind?: string; code?: string; message: string } | undefined
    for (let id = 1; refused === undefined && id < 100; id++) {
      await fill(tab, id)
        .then(() => promised.push(id))
        .catch((error: { kind: string; message: string }) => (refused = error))
    }
    expect(refused).toMatchObject({ kind: 'quota', message: expect.stringMatching(/free|space|room/) as string })
    // Reading goes on.
    expect((await tab.query('SELECT count(*) AS n FROM app.notes'))[0]?.n).toBeGreaterThanOrEqual(promised.length)
    await expect(tab.write("INSERT INTO app.notes VALUES (1000, 'x')")).rejects.toMatchObject({ kind: 'quota' })
    await until('the application is told', async () => (await errors(tab)).some(({ kind }) => kind === 'quota'))
    await cdp.send('Storage.overrideQuotaForOrigin', { origin: world.site.url })
    await tab.close()
    const next = idle
    await next.open({ name: 'storage' })
    const found = (await next.query<{ id: number }>('SELECT id FROM app.notes ORDER BY id')).map(({ id }) => id)
    expect(promised.filter((id) => !found.includes(id))).toEqual([])
    await next.write("INSERT INTO app.notes VALUES (1000, 'x')")
  })
})

describe('storage that is cleared under the application', () => {
  it('is told, and the next opening begins anew', async () => {
    const tab = await open()
    await tab.write("INSERT INTO app.notes VALUES (1, 'x')")
    const cdp = await tab.cdp()
    await cdp.send('Storage.clearDataForOrigin', { origin: world.site.url, storageTypes: 'all' })
    const gone = { kind: 'closed', code: 'storage_gone' }
    await expect(tab.write("INSERT INTO app.notes VALUES (2, 'y')")).rejects.toMatchObject(gone)
    await until('the application is told', async () => (await errors(tab)).length > 0)
    expect(await errors(tab)).toMatchObject([gone])
    await tab.reload()
    await tab.open({ name: 'storage' }, NOTES)
    expect(await tab.query('SELECT id FROM app.notes')).toEqual([])
    await tab.write("INSERT INTO app.notes VALUES (1, 'anew')")
  })
})

it('relaxed durability is told', async () => {
  const tab = await world.ownTab()
  await tab.open({ name: 'relaxed', storage: { durability: 'relaxed' } }, NOTES)
  await tab.write("INSERT INTO app.notes VALUES (1, 'x')")
  expect(await tab.run(({ db }) => [db.storage.mode, db.storage.durability])).toEqual(['indexeddb', 'relaxed'])
  await tab.reload()
  await tab.open({ name: 'relaxed' })
  expect(await tab.query('SELECT title FROM app.notes')).toEqual([{ title: 'x' }])
})
