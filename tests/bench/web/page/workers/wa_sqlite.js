// wa-sqlite as its own package publishes it: Asyncify, IDBBatchAtomicVFS.
import { Factory } from 'wa-sqlite'
import load from 'wa-sqlite/dist/wa-sqlite-async.mjs'
import wasm from 'wa-sqlite/dist/wa-sqlite-async.wasm?url'
import { IDBBatchAtomicVFS } from 'wa-sqlite/src/examples/IDBBatchAtomicVFS.js'
import { WaSqliteDatabase } from '../databases/wa_sqlite.js'
import { closing, serve } from './calls.js'

serve(async (name) => {
  const sqlite3 = Factory(await load({ locateFile: () => wasm }))
  const vfs = new IDBBatchAtomicVFS(name)
  sqlite3.vfs_register(vfs, true)
  const prepare = async (sqlite3, db, text) => (await sqlite3.prepare_v2(db, sqlite3.str_value(sqlite3.str_new(db, text)))).stmt
  const database = new WaSqliteDatabase(sqlite3, await sqlite3.open_v2(name), prepare)
  await database.setUp('PRAGMA locking_mode = exclusive; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536')
  return closing(database, () => vfs.close())
})
