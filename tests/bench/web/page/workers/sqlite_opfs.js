import sqlite3InitModule from '@sqlite.org/sqlite-wasm'
import { SqliteDatabase } from '../databases/sqlite.js'
import { closing, serve } from './calls.js'

serve(async (name) => {
  const sqlite3 = await sqlite3InitModule()
  // A pool for each name, so that deleting the folder deletes the database.
  const pool = await sqlite3.installOpfsSAHPoolVfs({ name: `opfs-${name}`, directory: `/${name}` })
  const database = new SqliteDatabase(new pool.OpfsSAHPoolDb('/messages'))
  return closing(database, () => pool.pauseVfs())
})
