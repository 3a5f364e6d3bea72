import { defineSchema, open, t } from 'kalamdb'
import { LIMIT, STARS_MIN, THREAD, sql } from '../questions.js'

const SQL = sql('app.messages', (n) => `$${n}`)
/** Rows of one insert of a bulk load: a transaction takes 16 MiB. All are issued before the first one is awaited. */
const BULK_ROWS = 10_000

const schema = () =>
  defineSchema('app', {
    messages: {
      id: t.bigint({ as: 'number' }).primaryKey(),
      thread: t.text(),
      author: t.text(),
      body: t.text(),
      stars: t.int(),
      created: t.timestamp(),
    },
  })
const stored = (row) => ({ ...row, created: new Date(row.created) })

/** @type {import('./index.js').Adapter} */
export default {
  storage: 'IndexedDB',
  open: async (name) => new Database(await open({ name, schema: schema() })),
  async wipe(name) {
    const db = await open({ name })
    await db.signOut({ discard: true }) // which closes it
  },
  async firstSync(name, { url, token }) {
    const db = await open({ name, schema: schema(), sync: { url, token } })
    await db.sync.waitFor('synced')
    await db.persisted()
    return new Database(db)
  },
}

class Database {
  #db

  constructor(db) {
    this.#db = db
  }

  insertOne(row) {
    return this.#db.tables.messages.insert(stored(row))
  }

  bulkLoad(rows) {
    const inserts = []
    for (let at = 0; at < rows.length; at += BULK_ROWS) {
      inserts.push(this.#db.tables.messages.insert(rows.slice(at, at + BULK_ROWS).map(stored)))
    }
    return Promise.all(inserts)
  }

  persisted() {
    return this.#db.persisted()
  }

  pointRead(id) {
    return this.#db.tables.messages.get(id)
  }

  filterOrderLimit() {
    return this.#db.query(SQL.filterOrderLimit, [THREAD, STARS_MIN])
  }

  groupBy() {
    return this.#db.query(SQL.groupBy)
  }

  selfJoin() {
    return this.#db.query(SQL.selfJoin)
  }

  scan() {
    return this.#db.query(SQL.scan)
  }

  async createIndex() {
    await this.#db.query(SQL.createIndex)
  }

  update(id, stars) {
    return this.#db.tables.messages.update(id, { stars })
  }

  /** As `update`, but nothing of it shows before the engine has it. */
  updateInEngine(id, stars) {
    return this.#db.query('UPDATE app.messages SET stars = $1 WHERE id = $2', [stars, id]).then()
  }

  async live(thread, limit, changed, failed) {
    const text = limit === undefined ? SQL.live : `${SQL.live} LIMIT ${LIMIT}`
    const query = this.#db.query(text, [thread]).live()
    query.onChange(({ rows }) => changed(rows), failed)
    await query.ready
    return () => query.close()
  }

  close() {
    return this.#db.close()
  }
}
