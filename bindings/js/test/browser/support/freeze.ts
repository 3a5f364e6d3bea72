/** Freezes tabs as browsers do. */
import type { Tab } from './tab.js'
import { until } from './until.js'

/** Whether somebody has a transaction open on a database that is there, and does not end it. */
const isHeld = (name: string): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open(name)
    request.onerror = () => reject(request.error as Error)
    request.onsuccess = () => {
      const stores = request.result.objectStoreNames
      const timer = setTimeout(() => resolve(true), 1_000)
      request.result.transaction(stores, 'readwrite').oncomplete = () => {
        clearTimeout(timer)
        resolve(false)
      }
      request.result.close()
    }
  })

/** Whether a tab holds up all others, as seen by one of them. */
export const holdsUp = (name: string, other: Tab): Promise<boolean> =>
  other.page.evaluate(`(${String(isHeld)})(${JSON.stringify(name)})`)

/**
 * Freezes a tab that has no transaction of the database open; another one looks. Chromium, told to freeze a tab, does so in the
 * middle of a script, too: nobody comes past a transaction that was made and not committed, a millisecond later. When it
 * freezes tabs by itself it leaves those alone that others wait for.
 */
export async function freezeBetween(tab: Tab, name: string, other: Tab): Promise<void> {
  await until('it is frozen between two transactions', async () => {
    await tab.freeze()
    if (!(await holdsUp(name, other))) return true
    await tab.thaw()
    return false
  })
}
