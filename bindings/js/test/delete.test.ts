import { afterEach, describe, expect, it, vi } from 'vitest'
import { deleteDatabase } from '../src/index.js'
import { FakeWorker, World } from './support/world.js'

/** IndexedDB that only deletes, and says so by the event that it is told. */
function storage(event: 'success' | 'error' | 'blocked'): { deleted: string[]; request: Partial<IDBOpenDBRequest> } {
  const deleted: string[] = []
  const request: Record<string, unknown> = { error: new Error('the disk is gone') }
  vi.stubGlobal('indexedDB', {
    deleteDatabase: (name: string) => {
      deleted.push(name)
      setImmediate(() => (request[`on${event}`] as () => void)())
      return request
    }
  })
  return { deleted, request: request as Partial<IDBOpenDBRequest> }
}

/** The locks of a tab of this world. */
const locked = (world: World): void =>
  void vi.stubGlobal('navigator', { locks: world.environment(new FakeWorker(world)).locks })

afterEach(() => void vi.unstubAllGlobals())

describe('deleteDatabase', () => {
  it('deletes a database that nobody has open', async () => {
    const { deleted } = storage('success')
    locked(new World())
    await deleteDatabase('db')
    expect(deleted).toEqual(['db'])
  })

  it('leaves one alone that a tab has open, until it is closed', async () => {
    const world = new World()
    const { deleted } = storage('success')
    locked(world)
    const db = await world.open()
    await expect(deleteDatabase('db')).rejects.toMatchObject({ kind: 'conflict', code: 'database_open' })
    expect(deleted).toEqual([])
    await db.close()
    await deleteDatabase('db')
    expect(deleted).toEqual(['db'])
  })

  it('keeps others from opening it meanwhile', async () => {
    const world = new World()
    const { deleted, request } = storage('blocked')
    locked(world)
    const deletion = deleteDatabase('db')
    await world.settle()
    expect(deleted).toEqual(['db'])
    const opening = world.open()
    await world.settle()
    expect(world.engines).toEqual([])
    request.onsuccess?.call({} as IDBRequest, {} as Event)
    await deletion
    await (await opening).close()
  })

  it('says when something else holds it', async () => {
    storage('blocked')
    locked(new World())
    await expect(deleteDatabase('db')).rejects.toMatchObject({
      kind: 'conflict',
      code: 'database_open',
      message: expect.stringContaining('as soon as') as string
    })
  })

  it('works without locks, and tells what IndexedDB says', async () => {
    storage('error')
    vi.stubGlobal('navigator', {})
    await expect(deleteDatabase('db')).rejects.toMatchObject({
      code: 'indexeddb',
      message: expect.stringContaining('the disk is gone') as string
    })
  })

  it('refuses names that no database has, and places without IndexedDB', async () => {
    await expect(deleteDatabase('')).rejects.toMatchObject({ kind: 'invalid', code: 'bad_name' })
    await expect(deleteDatabase('db')).rejects.toMatchObject({ kind: 'closed', code: 'no_indexeddb' })
  })
})
