/** Stored databases that others hold, that other versions have made, or that are damaged. */
import { describe, expect, it } from 'vitest'
import { stored } from './support/stored.js'
import type { Tab } from './support/tab.js'
import { NOTES } from './support/tables.js'
import { until } from './support/until.js'
import { useWorld } from './support/world.js'

const world = useWorld()

const open = async (): Promise<Tab> => (await world.ownTab()).open({ name: 'storage' }, NOTES)

/** Makes IndexedDB's database as another version, or holds a connection that does not let go. */
const hold = (tab: Tab, version: number, name = 'storage'): Promise<void> =>
  tab.run(
    ({ kept }, of) =>
      new Promise<void>((resolve, reject) => {
        const request = indexedDB.open(of.name, of.version)
        request.onsuccess = () => {
          // It is asked to let go and does not.
          kept.held = request.result
          kept.held.onversionchange = () => (kept.asked = true)
          resolve()
        }
        request.onerror = () => reject(request.error as Error)
      }),
    { version, name }
  )

const remove = (tab: Tab): Promise<void> => tab.run(({ kalam }) => kalam.deleteDatabase('storage'))

describe('a database that others hold', () => {
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
    const [tab, other] = [await open(), await world.ownTab()]
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
    await tab.query(NOTES)
    expect(await tab.query('SELECT id FROM app.notes')).toEqual([])
  })

  it('in an older layout waits, and is taken over when it is let go, with all that is in it', async () => {
    const [tab, other] = [await open(), await world.ownTab()]
    await tab.write("INSERT INTO app.notes VALUES (1, 'x')")
    await tab.run(({ db }) => db.close())
    const version = await tab.run(async () => (await indexedDB.databases())[0]?.version ?? 0)
    await hold(other, version)
    // The same object stores, under the next number.
    const newer = `
      const { open } = IDBFactory.prototype
      IDBFactory.prototype.open = function (name, version) { return open.call(this, name, version + 1) }
      const make = IDBDatabase.prototype.createObjectStore
      IDBDatabase.prototype.createObjectStore = function (name) {
        return this.objectStoreNames.contains(name) ? undefined : make.call(this, name)
      }`
    await tab.run((api, script) => {
      api.kept.opening = api.kalam.open({ name: 'storage', worker: api.changedBy(script) }).then(
        (db) => ((api.db = db), 'opened'),
        (error) => error.code
      )
      api.kept.opening.then((outcome: string) => (api.kept.outcome = outcome))
    }, newer)
    await until('it has been told of the upgrade', () => other.run(({ kept }) => kept.asked === true))
    expect(await tab.run(({ kept }) => kept.outcome)).toBeUndefined()
    await other.run(({ kept }) => kept.held.close())
    expect(await tab.run(({ kept }) => kept.opening)).toBe('opened')
    expect(await tab.query('SELECT id, title FROM app.notes')).toEqual([{ id: 1, title: 'x' }])
    expect(await tab.run(async () => (await indexedDB.databases())[0]?.version)).toBe(version + 1)
    // The attempt that was blocked has let go of what it opened late.
    await tab.run(({ db }) => db.signOut({ discard: true }))
    expect(await tab.run(() => indexedDB.databases())).toEqual([])
  })

  it.each([1, 1_000_000])('of something else than KalamDB is refused, and left alone: version %d', async (version) => {
    const tab = await world.ownTab()
    await hold(tab, version, 'foreign')
    await tab.run(({ kept }) => kept.held.close())
    await expect(tab.open({ name: 'foreign' })).rejects.toMatchObject({
      kind: 'invalid',
      code: 'not_kalamdb',
      message: expect.stringContaining('`foreign`') as string
    })
    expect(await tab.run(() => indexedDB.databases())).toEqual([{ name: 'foreign', version }])
  })

  it('cannot be wiped by signing out, which says so', async () => {
    const [tab, other] = [await open(), await world.ownTab()]
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

  it('of a newer format are refused, stay as they are, and are read again by what knows it', async () => {
    const tab = await open()
    await tab.write("INSERT INTO app.notes VALUES (1, 'x')")
    await tab.run(({ db }) => db.close())
    await tamper(tab, 0, 1, 99)
    const before = await stored(tab, 'storage')
    expect(before.stores.log?.some(([, hex]) => hex.startsWith('63'))).toBe(true)
    await expect(tab.open({ name: 'storage' })).rejects.toMatchObject({
      kind: 'invalid',
      code: 'newer_version',
      message: expect.stringContaining('newer') as string
    })
    expect(await stored(tab, 'storage')).toEqual(before)
    await tamper(tab, 0, 99, 1)
    await tab.open({ name: 'storage' })
    expect(await tab.query('SELECT id FROM app.notes')).toEqual([{ id: 1 }])
  })

  it('that are damaged are refused, and can be deleted', async () => {
    const tab = await open()
    await tab.write("INSERT INTO app.notes VALUES (1, 'x')")
    await tab.run(({ db }) => db.close())
    await tamper(tab, 4, undefined, 255)
    await expect(tab.open({ name: 'storage' })).rejects.toMatchObject({
      kind: 'corrupt',
      message: expect.stringContaining('damaged') as string
    })
    await remove(tab)
    await tab.open({ name: 'storage' }, NOTES)
    expect(await tab.query('SELECT id FROM app.notes')).toEqual([])
  })
})

describe('deleteDatabase', () => {
  it('leaves alone what a tab has open, in that tab and in others', async () => {
    const [tab, other] = [await open(), await world.ownTab()]
    await tab.write("INSERT INTO app.notes VALUES (1, 'x')")
    for (const of of [tab, other])
      await expect(remove(of)).rejects.toMatchObject({ kind: 'conflict', code: 'database_open' })
    expect(await tab.query('SELECT id FROM app.notes')).toEqual([{ id: 1 }])
    await tab.close()
    await remove(other)
    expect(await other.run(() => indexedDB.databases())).toEqual([])
  })

  it('says when something else holds it, and is through once that lets go', async () => {
    const [tab, other] = [await world.ownTab(), await world.ownTab()]
    await hold(other, 1, 'storage')
    await expect(remove(tab)).rejects.toMatchObject({ kind: 'conflict', code: 'database_open' })
    await other.run(({ kept }) => kept.held.close())
    await until('it is deleted', () => tab.run(async () => (await indexedDB.databases()).length === 0))
  })

  it('does nothing where there is none', async () => {
    await remove(await world.ownTab())
  })
})
