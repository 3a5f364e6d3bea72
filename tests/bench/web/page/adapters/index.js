// The engines, each behind the same interface. The code of an engine is loaded when it is first asked for.

/**
 * @typedef {import('../data.js').Row} Row
 * @typedef {object} Adapter
 * @property {string} storage where the rows are: `IndexedDB`, `OPFS` or `memory`
 * @property {Record<string, string>} [cannot] measures that the engine is left out of, and why
 * @property {(name: string) => Promise<Database>} open opens the database of that name and makes the table if missing
 * @property {(name: string) => Promise<void>} wipe deletes the database of that name, which is closed
 * @property {(name: string, sync: { url: string, token: string }) => Promise<Database>} [firstSync] opens an empty
 *   database and resolves once the server's rows are in it and durable
 *
 * @typedef {object} Database the table `messages`; every method may answer at once or later
 * @property {(row: Row) => any} insertOne in a transaction of its own
 * @property {(rows: Row[]) => any} bulkLoad the fastest way that the engine documents
 * @property {() => any} persisted answers when everything written before is durable, as far as the engine promises
 * @property {(id: number) => any} pointRead the row as an object
 * @property {() => any} filterOrderLimit rows as objects, like all that follow
 * @property {() => any} groupBy
 * @property {() => any} selfJoin
 * @property {() => any} scan number of rows and sum of `stars`
 * @property {() => Promise<Database | void> | void} createIndex on (thread, created); a database if it had to be opened anew
 * @property {(id: number, stars: number) => any} update
 * @property {(id: number, stars: number) => any} [updateInEngine] the same, of which nothing shows before the engine has it
 * @property {(thread: string, limit: number | undefined, changed: (rows: object[]) => void, failed: (error: Error) => void) => Promise<() => any>} [live]
 *   calls `changed` with all rows of the thread, newest first, at first and after each change, and `failed` if it cannot go
 *   on; resolves with its end
 * @property {() => any} close
 */

/** The adapters by name, in the order of the table. */
export const loaders = {
  kalamdb: () => import('./kalamdb.js'),
  'sqlite-opfs': () => import('./sqlite_opfs.js'),
  'sqlite-memory': () => import('./sqlite_memory.js'),
  'sqlite-page': () => import('./sqlite_page.js'),
  'wa-sqlite': () => import('./wa_sqlite.js'),
  'wa-sqlite-jspi': () => import('./wa_sqlite_jspi.js'),
  pglite: () => import('./pglite.js'),
  duckdb: () => import('./duckdb.js'),
  dexie: () => import('./dexie.js'),
  tanstack: () => import('./tanstack.js'),
}
