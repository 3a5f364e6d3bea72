// Deleting what an engine left behind.

/** How long a file may stay in use after its worker was told to end. */
const RELEASE_TIMEOUT_MS = 10_000
const RETRY_MS = 20

/** Deletes the databases of IndexedDB of that name, in whatever folder the engine thinks it is. */
export async function wipeIndexedDb(name) {
  for (const { name: found } of await indexedDB.databases()) {
    if (found !== name && !found?.endsWith(`/${name}`)) continue
    await new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(found)
      request.onsuccess = () => resolve()
      request.onerror = () => reject(request.error)
      request.onblocked = () => reject(new Error(`the database ${found} is still open`))
    })
  }
}

/** Deletes the file or folder of that name, or with that name and an ending, in the origin private file system. */
export async function wipeOpfs(name) {
  const root = await navigator.storage.getDirectory()
  const found = []
  for await (const entry of root.keys()) if (entry === name || entry.startsWith(`${name}.`)) found.push(entry)
  for (const entry of found) await removed(root, entry)
}

async function removed(root, entry) {
  const end = performance.now() + RELEASE_TIMEOUT_MS
  for (;;) {
    try {
      return await root.removeEntry(entry, { recursive: true })
    } catch (error) {
      if (error.name !== 'NoModificationAllowedError' || performance.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }
}
