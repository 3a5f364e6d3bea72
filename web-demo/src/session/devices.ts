import type { KalamError } from 'kalamdb'
import type { Demo } from '../database/schema'
import { complain } from '../ui/toasts'
import { type Account, databaseName } from './account'
import { storedNames } from './stored'

/** The two databases of the page about sync: each is a device of its own. */
const DEVICES = ['a', 'b'] as const
export type DeviceName = (typeof DEVICES)[number]

type Opener = (account: Account, device: string, isOffline?: boolean) => Promise<Demo>

/** Those that are open, by the names of their databases. */
const open = new Map<string, Promise<Demo>>()
/** The end of those that have ended. */
let closing: Promise<void> = Promise.resolve()

/** Whether a database that tells an error is to be opened anew: it has ended, or its storage is gone. */
export const isOver = (database: Demo, error: KalamError): boolean => database.ended !== undefined || error.kind === 'closed'

/** Opens a device's database, and keeps it open while the application is there and the database has not ended. */
export function openDevice(account: Account, device: DeviceName, opener: Opener): Promise<Demo> {
  const name = databaseName(account, device)
  const known = open.get(name)
  if (known !== undefined) return known
  // The one before it may have ended, and is closed first.
  const opening = closing.then(() => opener(account, device, false))
  open.set(name, opening)
  const drop = (): void => {
    if (open.get(name) === opening) open.delete(name)
  }
  // What does not open may do so the next time.
  opening.then((database) => dropEnded(database, drop), drop)
  return opening
}

function dropEnded(database: Demo, drop: () => void): void {
  database.on('error', (error) => {
    if (!isOver(database, error)) return complain(error)
    drop()
    // It may fail once more, and has nothing to lose any more.
    closing = closing.then(() => database.close()).catch(() => {})
  })
}

/** Closes those that are open: whoever comes next may be somebody else. */
export async function closeDevices(): Promise<void> {
  const opened = [...open.values()]
  open.clear()
  await Promise.allSettled([closing, ...opened.map(async (opening) => (await opening).close())])
}

/**
 * Wipes both of the account, if there are any.
 *
 * @throws KalamError `unsynced_writes` unless what waits may be discarded
 */
export async function wipeDevices(account: Account, discard: boolean, opener: Opener): Promise<void> {
  const stored = await storedNames()
  for (const device of DEVICES) {
    const name = databaseName(account, device)
    const known = open.get(name)
    if (known === undefined && stored?.has(name) === false) continue
    const database = await (known ?? opener(account, device, true))
    try {
      await database.signOut({ discard })
      open.delete(name)
    } catch (error) {
      if (known === undefined) await database.close()
      throw error
    }
  }
}
