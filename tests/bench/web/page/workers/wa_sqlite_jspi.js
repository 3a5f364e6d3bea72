// A newer wa-sqlite, as another publisher's fork has it: JavaScript Promise Integration, IDBBatchAtomicVFS.
import { Factory } from '@journeyapps/wa-sqlite'
import load from '@journeyapps/wa-sqlite/dist/wa-sqlite-jspi.mjs'
import wasm from '@journeyapps/wa-sqlite/dist/wa-sqlite-jspi.wasm?url'
import { IDBBatchAtomicVFS } from '@journeyapps/wa-sqlite/src/examples/IDBBatchAtomicVFS.js'
import { WaSqliteDatabase } from '../databases/wa_sqlite.js'
import { closing, serve } from './calls.js'

serve(async (name) => {
  const module = await load({ locateFile: () => wasm })
  const sqlite3 = Factory(module)
  const vfs = await IDBBatchAtomicVFS.create(name, module)
  sqlite3.vfs_register(vfs, true)
  const prepare = async (sqlite3, db, text) => {
    for await (const statement of sqlite3.statements(db, text, { unscoped: true })) return statement
  }
  const database = new WaSqliteDatabase(sqlite3, await sqlite3.open_v2(name), prepare)
  await database.setUp('PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536')
  return closing(database, () => vfs.close())
})
