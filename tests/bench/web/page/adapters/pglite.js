import { PGlite } from '@electric-sql/pglite'
import { live } from '@electric-sql/pglite/live'
import { values } from '../data.js'
import { LIMIT, STARS_MIN, THREAD, sql } from '../questions.js'
import { wipeIndexedDb } from './wipe.js'

const SQL = sql('messages', (n) => `$${n}`)
const TABLE =
  'CREATE TABLE IF NOT EXISTS messages (id BIGINT PRIMARY KEY, thread TEXT, author TEXT, body TEXT, stars INT, created TIMESTAMPTZ)'
const time = (row) => ({ ...row, created: new Date(row.created).toISOString() })

/** @type {import('./index.js').Adapter} */
export default {
  storage: 'IndexedDB',
  async open(name) {
    // Relaxed: a write does not wait for IndexedDB, `persisted` does.
    const db = await PGlite.create(`idb://${name}`, { extensions: { live }, relaxedDurability: true })
    await db.exec(TABLE)
    return new Database(db)
  },
  wipe: wipeIndexedDb,
}

class Database {
  #db
  /** The writes to IndexedDB that run, which PGlite does not tell of. */
  #syncs = new Set()

  constructor(db) {
    this.#db = db
    const syncToFs = db.fs.syncToFs.bind(db.fs)
    db.fs.syncToFs = (relaxed) => {
      const sync = syncToFs(relaxed).finally(() => this.#syncs.delete(sync))
      this.#syncs.add(sync)
      return sync
    }
  }

  insertOne(row) {
    return this.#db.query(SQL.insert, values(time(row)))
  }

  async bulkLoad(rows) {
    const lines = rows.map((row) => values(time(row)).join('\t')).join('\n')
    await this.#db.query('COPY messages FROM \'/dev/blob\'', [], { blob: new Blob([lines, '\n']) })
  }

  async persisted() {
    await this.#quiet()
    await this.#db.fs.syncToFs(false)
  }

  async pointRead(id) {
    return (await this.#db.query(SQL.pointRead, [id])).rows[0]
  }

  async filterOrderLimit() {
    return (await this.#db.query(SQL.filterOrderLimit, [THREAD, STARS_MIN])).rows
  }

  async groupBy() {
    return (await this.#db.query(SQL.groupBy)).rows
  }

  async selfJoin() {
    return (await this.#db.query(SQL.selfJoin)).rows
  }

  async scan() {
    return (await this.#db.query(SQL.scan)).rows
  }

  async createIndex() {
    await this.#db.exec(SQL.createIndex)
  }

  update(id, stars) {
    return this.#db.query(SQL.update, [stars, id])
  }

  async live(thread, limit, changed) {
    const text = limit === undefined ? SQL.live : `${SQL.live} LIMIT ${LIMIT}`
    const { unsubscribe } = await this.#db.live.query(text, [thread], ({ rows }) => changed(rows))
    return unsubscribe
  }

  async close() {
    await this.persisted()
    // Closing would start one more in the background, which opens IndexedDB again and keeps the database from being deleted.
    this.#db.fs.syncToFs = async () => {}
    await this.#db.close()
  }

  /** Waits until nothing runs and nothing is about to. */
  async #quiet() {
    do {
      await Promise.all(this.#syncs)
      await new Promise((resolve) => setTimeout(resolve))
    } while (this.#syncs.size > 0)
  }
}
