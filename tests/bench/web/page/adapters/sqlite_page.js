import sqlite3InitModule from '@sqlite.org/sqlite-wasm'
import { SqliteDatabase } from '../databases/sqlite.js'
import { memoryOnly, noLive } from './cannot.js'

/** @type {import('./index.js').Adapter} */
export default {
  storage: 'memory',
  cannot: { ...memoryOnly, ...noLive },
  async open() {
    const sqlite3 = await sqlite3InitModule()
    return new SqliteDatabase(new sqlite3.oo1.DB(':memory:'))
  },
  wipe: async () => {},
}
