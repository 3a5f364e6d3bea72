/** What IndexedDB holds of a database, record by record. */
import type { Tab } from './tab.js'

/** The version of the layout, and records by object store: key and bytes as hexadecimal digits. */
export interface Stored {
  readonly version: number
  readonly stores: Readonly<Record<string, readonly (readonly [key: IDBValidKey, hex: string])[]>>
}

/** Reads everything that is stored. */
export const stored = (tab: Tab, name: string): Promise<Stored> =>
  tab.run(
    (_, of) =>
      new Promise<Stored>((resolve, reject) => {
        const request = indexedDB.open(of)
        request.onerror = () => reject(request.error as Error)
        request.onsuccess = () => {
          const { objectStoreNames, version } = request.result
          const transaction = request.result.transaction(objectStoreNames)
          const stores: Record<string, [IDBValidKey, string][]> = {}
          for (const store of objectStoreNames) {
            const records = (stores[store] = [] as [IDBValidKey, string][])
            transaction.objectStore(store).openCursor().onsuccess = ({ target }) => {
              const cursor = (target as IDBRequest<IDBCursorWithValue | null>).result
              if (cursor === null) return
              const hex = [...(cursor.value as Uint8Array)].map((byte) => byte.toString(16).padStart(2, '0'))
              records.push([cursor.key, hex.join('')])
              cursor.continue()
            }
          }
          transaction.oncomplete = () => {
            request.result.close()
            resolve({ version, stores })
          }
        }
      }),
    name
  )

/** Makes a database that holds this. */
export const restore = (tab: Tab, name: string, from: Stored): Promise<void> =>
  tab.run(
    (_, of) =>
      new Promise<void>((resolve, reject) => {
        const request = indexedDB.open(of.name, of.from.version)
        request.onerror = () => reject(request.error as Error)
        request.onupgradeneeded = () => {
          for (const [name, records] of Object.entries(of.from.stores)) {
            const store = request.result.createObjectStore(name)
            for (const [key, hex] of records)
              store.put(Uint8Array.from({ length: hex.length / 2 }, (_, at) => parseInt(hex.slice(at * 2, at * 2 + 2), 16)), key) // prettier-ignore
          }
        }
        request.onsuccess = () => {
          request.result.close()
          resolve()
        }
      }),
    { name, from }
  )
