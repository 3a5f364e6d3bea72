import type { Demo } from '../database/schema'
import type { Account } from './account'

/** The two databases of the page about sync: each is a device of its own. */
export type DeviceName = 'a' | 'b'

const USED_KEY = 'kalamdb-demo.devices'

const open = new Map<DeviceName, Promise<Demo>>()

/** Opens a device's database, and keeps it open while the application is there. */
export function openDevice(account: Account, name: DeviceName, opener: (account: Account, device: string, isOffline: boolean) => Promise<Demo>): Promise<Demo> {
  const known = open.get(name)
  if (known !== undefined) return known
  localStorage.setItem(USED_KEY, 'yes')
  const opening = opener(account, name, false)
  open.set(name, opening)
  // It may work the next time.
  opening.catch(() => open.delete(name))
  return opening
}

/**
 * Wipes both, if there are any.
 *
 * @throws KalamError `unsynced_writes` unless what waits may be discarded
 */
export async function wipeDevices(account: Account, discard: boolean, opener: (account: Account, device: string, isOffline: boolean) => Promise<Demo>): Promise<void> {
  if (localStorage.getItem(USED_KEY) === null) return
  for (const name of ['a', 'b'] as const) {
    const database = await (open.get(name) ?? opener(account, name, true))
    await database.signOut({ discard })
    open.delete(name)
  }
  localStorage.removeItem(USED_KEY)
}
