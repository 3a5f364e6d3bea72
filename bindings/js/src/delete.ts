import { KalamError } from './errors.js'
import { checkName } from './open.js'
import { names } from './worker/messages.js'

/** How long a tab that is being closed may still hold the database. */
const LEAVING_MILLIS = 1_000

/**
 * Deletes a database of this origin from the device, with what was not synced: for one that cannot be opened any more, because
 * a newer version has made it or its bytes are damaged. One that opens is wiped by {@link Database.signOut}. Nothing happens if
 * there is none of this name.
 *
 * ```ts
 * import { deleteDatabase, type KalamError, open } from 'kalamdb'
 *
 * const db = await open({ name: 'careful' }).catch(async (error: KalamError) => {
 *   if (error.kind !== 'corrupt') throw error
 *   await deleteDatabase('careful')
 *   return open({ name: 'careful' })
 * })
 * await db.close()
 * ```
 *
 * It deletes IndexedDB's database of this name, also one that KalamDB has not made. On pages without HTTPS browsers have no Web
 * Locks: a tab that has the database open is not noticed there, and loses it.
 *
 * @throws KalamError `conflict`/`database_open` if a tab has the database open, this one included; `invalid` for a name that no
 * database has; `closed`/`no_indexeddb` where there is no IndexedDB, as on a server
 */
export async function deleteDatabase(name: string): Promise<void> {
  checkName(name)
  const storage = factory()
  const locks = globalThis.navigator?.locks as LockManager | undefined
  if (locks === undefined) return remove(storage, name)
  const signal = AbortSignal.timeout(LEAVING_MILLIS)
  let isHeld = false
  try {
    // Nobody opens it meanwhile: the lock is the leader's.
    await locks.request(names.database(name), { signal }, () => {
      isHeld = true
      return remove(storage, name)
    })
  } catch (error) {
    throw isHeld || !signal.aborted ? error : isOpen(name, 'nothing was deleted')
  }
}

function factory(): IDBFactory {
  let why: unknown
  try {
    const { indexedDB } = globalThis
    if ((indexedDB as IDBFactory | undefined) !== undefined) return indexedDB
  } catch (error) {
    // As on a page that is not allowed to store anything.
    why = error
  }
  throw new KalamError('closed', 'no_indexeddb', 'there is no IndexedDB here, and so nothing is stored', { cause: why })
}

function remove(storage: IDBFactory, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = storage.deleteDatabase(name)
    request.onsuccess = () => resolve()
    request.onerror = () => {
      const message = `IndexedDB cannot delete the database \`${name}\`: ${request.error?.message ?? 'it gives no reason'}`
      reject(new KalamError('internal', 'indexeddb', message, { cause: request.error }))
    }
    // It is not KalamDB that holds it, and a deletion cannot be taken back.
    const blocked = (): void => reject(isOpen(name, 'it is deleted as soon as it is let go'))
    request.onblocked = () => void setTimeout(blocked, LEAVING_MILLIS)
  })
}

const isOpen = (name: string, consequence: string): KalamError =>
  new KalamError('conflict', 'database_open', `a tab has the database \`${name}\` open, ${consequence}: close it there`)
