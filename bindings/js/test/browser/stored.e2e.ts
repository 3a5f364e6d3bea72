/** Stored databases that others hold, that other versions have made, or that are damaged. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Tab } from './support/tab.js'
import { until } from './support/until.js'
import { type Device, useWorld } from './support/world.js'

const world = useWorld()
let device: Device

beforeEach(async () => {
  device = await world.device()
})

const TABLES = `
  CREATE NAMESPACE IF NOT EXISTS app;
  CREATE USER TABLE IF NOT EXISTS app.notes (id INT PRIMARY KEY, title TEXT)`

async function open(name = 'storage'): Promise<Tab> {
  const tab = await device.tab()
  await tab.open({ name })
  await tab.query(TABLES)
  return tab
}

describe('a database that others hold', () => {
  /** Makes IndexedDB's database as another version, or holds a connection that does not let go. */
  const hold = (tab: Tab, version: number, name = 'storage'): Promise<void> =>
    tab.run(
      ({ kept }, of) =>
        new Promise<void>((resolve, reject) => {
          const request = indexedDB.open(of.name, of.version)
          request.onsuccess = () => {
            // It is asked to let go and does not.
            kept.held = request.result
            resolve()
          }
          request.onerror = () => reject(request.error as Error)
        }),
      { version, name }
    )

  it('of a newer layout is refused', async () => {
    const tab = await open()
    await tab.write("INSERT INTO app.notes VALUES (1, 'x')")
    await tab.run(({ db }) => db.close())
    await hold(tab, 1_000_000)
    await tab.run(({ kept }) => kept.held.close())
    await expect(tab.open({ name: 'storage' })).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringMatching(/newer/) as string
    })
  })

  it('while it is being deleted waits, and opens when it is let go', async () => {
    const [tab, other] = [await open(), await device.tab()]
    await tab.write("INSERT INTO app.notes VALUES (1, 'x')")
    await tab.run(({ db }) => db.close())
    const version = await tab.run(
      async () => (await indexedDB.databases()).find(({ name }) => name === 'storage')?.version ?? 0
    )
    await hold(other, version)
    // The deletion is blocked by the connection, and the opening waits behind it.
    await other.run(() => void indexedDB.deleteDatabase('storage'))
    await tab.run(async (api) => {
      api.kept.opening = api.kalam.open({ name: 'storage' }).then(
        (db) => (api.db = db),
        (error) => (api.kept.failed = error.code)
      )
    })
    await other.run(({ kept }) => kept.held.close())
    await tab.run(({ kept }) => kept.opening)
    expect(await tab.run(({ kept }) => kept.failed)).toBeUndefined()
    await tab.query(TABLES)
    expect(await tab.query('SELECT id FROM app.notes')).toEqual([])
  })

  it('of something else than KalamDB is refused', async () => {
    const tab = await device.tab()
    await hold(tab, 1, 'foreign')
    await tab.run(({ kept }) => kept.held.close())
    await expect(tab.open({ name: 'foreign' })).rejects.toMatchObject({
      kind: expect.stringMatching(/invalid|corrupt/) as string
    })
  })

  it('cannot be wiped by signing out, which says so', async () => {
    const [tab, other] = [await open(), await device.tab()]
    await hold(other, await tab.run(async () => (await indexedDB.databases())[0]?.version ?? 0))
    await expect(tab.run(({ db }) => db.signOut())).rejects.toMatchObject({ kind: 'retry', code: 'database_blocked' })
    await expect(tab.query('SELECT id FROM app.notes')).rejects.toMatchObject({ kind: 'closed' })
    await other.run(({ kept }) => kept.held.close())
    await until('it is deleted', () => other.run(async () => (await indexedDB.databases()).length === 0))
  })
})

describe('stored bytes', () => {
  /** Changes a byte of the last record of the log that has it. */
  const tamper = (tab: Tab, at: number, from: number | undefined, to: number): Promise<void> =>
    tab.run(
      (_, of) =>
        new Promise<void>((resolve, reject) => {
          const request = indexedDB.open('storage')
          request.onerror = () => reject(request.error as Error)
          request.onsuccess = () => {
            const transaction = request.result.transaction('log', 'readwrite')
            const log = transaction.objectStore('log')
            let isChanged = false
            log.openCursor(null, 'prev').onsuccess = ({ target }) => {
              const cursor = (target as IDBRequest<IDBCursorWithValue | null>).result
              const bytes = cursor?.value as Uint8Array | undefined
              // An opening adds a record that is empty.
              if (cursor === null || bytes === undefined) return
              if (bytes.length <= of.at || bytes[of.at] !== (of.from ?? bytes[of.at])) return cursor.continue()
              bytes[of.at] = of.to
              cursor.update(bytes)
              isChanged = true
            }
            transaction.oncomplete = () => {
              request.result.close()
              if (isChanged) resolve()
              else reject(new Error('there is no record to change'))
            }
          }
        }),
      { at, from, to }
    )

  it('of a newer format are refused, and read again by what knows it', async () => {
    const tab = await open()
    await tab.write("INSERT INTO app.notes VALUES (1, 'x')")
    await tab.run(({ db }) => db.close())
    await tamper(tab, 0, 1, 99)
    await expect(tab.open({ name: 'storage' })).rejects.toMatchObject({
      code: 'unknown_format',
      message: expect.stringContaining('newer') as string
    })
    await tamper(tab, 0, 99, 1)
    await tab.open({ name: 'storage' })
    expect(await tab.query('SELECT id FROM app.notes')).toEqual([{ id: 1 }])
  })

  it('that are damaged are refused', async () => {
    const tab = await open()
    await tab.write("INSERT INTO app.notes VALUES (1, 'x')")
    await tab.run(({ db }) => db.close())
    await tamper(tab, 4, undefined, 255)
    await expect(tab.open({ name: 'storage' })).rejects.toMatchObject({
      kind: 'corrupt',
      message: expect.stringContaining('damaged') as string
    })
  })
})
