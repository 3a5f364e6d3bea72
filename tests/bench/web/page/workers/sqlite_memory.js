import sqlite3InitModule from '@sqlite.org/sqlite-wasm'
import { SqliteDatabase } from '../databases/sqlite.js'
import { serve } from './calls.js'

serve(async () => {
  const sqlite3 = await sqlite3InitModule()
  return new SqliteDatabase(new sqlite3.oo1.DB(':memory:'))
})
