// The official SQLite build: one class for the page and for a worker.

import { STARS_MIN, THREAD, sql } from '../questions.js'
import { values } from '../data.js'

const SQL = sql('messages', () => '?')
const TABLE =
  'CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, thread TEXT, author TEXT, body TEXT, stars INTEGER, created INTEGER)'

/** The table in a database of `@sqlite.org/sqlite-wasm`; statements are prepared once and kept. */
export class SqliteDatabase {
  #db
  #statements = new Map()

  /** @param db an open `oo1.DB`, or one of its subclasses */
  constructor(db) {
    this.#db = db
    // Exclusive anyway in this file system, so that the write-ahead log needs no shared memory; its checkpoint syncs.
    db.exec('PRAGMA locking_mode = exclusive; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    db.exec(TABLE)
  }

  insertOne(row) {
    this.#prepared(SQL.insert).bind(values(row)).stepReset()
  }

  bulkLoad(rows) {
    const insert = this.#prepared(SQL.insert)
    this.#db.transaction(() => {
      for (const row of rows) insert.bind(values(row)).stepReset()
    })
  }

  persisted() {
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }

  pointRead(id) {
    return this.#all(SQL.pointRead, [id])[0]
  }

  filterOrderLimit() {
    return this.#all(SQL.filterOrderLimit, [THREAD, STARS_MIN])
  }

  groupBy() {
    return this.#all(SQL.groupBy)
  }

  selfJoin() {
    return this.#all(SQL.selfJoin)
  }

  scan() {
    return this.#all(SQL.scan)
  }

  createIndex() {
    this.#db.exec(SQL.createIndex)
  }

  update(id, stars) {
    this.#prepared(SQL.update).bind([stars, id]).stepReset()
  }

  close() {
    for (const statement of this.#statements.values()) statement.finalize()
    this.#db.close()
  }

  #prepared(text) {
    let statement = this.#statements.get(text)
    if (statement === undefined) {
      statement = this.#db.prepare(text)
      this.#statements.set(text, statement)
    }
    return statement
  }

  #all(text, params = []) {
    const statement = this.#prepared(text)
    if (params.length > 0) statement.bind(params)
    const rows = []
    while (statement.step()) rows.push(statement.get({}))
    statement.reset()
    return rows
  }
}
