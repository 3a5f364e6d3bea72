// wa-sqlite, in a worker.

import { STARS_MIN, THREAD, sql } from '../questions.js'
import { values } from '../data.js'

const SQL = sql('messages', () => '?')
const TABLE =
  'CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, thread TEXT, author TEXT, body TEXT, stars INTEGER, created INTEGER)'
/** Fewer records of IndexedDB than with SQLite's 4096; it can be set in an empty file only. */
const PAGE_BYTES = 8_192
const ROW = 100 // SQLITE_ROW

/** The table in a database of wa-sqlite; statements are prepared once and kept. */
export class WaSqliteDatabase {
  #sqlite3
  #db
  #prepare
  #statements = new Map()

  /**
   * @param sqlite3 the API object
   * @param {number} db an open database
   * @param {(sqlite3, db, text) => Promise<number>} prepare a statement that stays until it is finalized
   */
  constructor(sqlite3, db, prepare) {
    this.#sqlite3 = sqlite3
    this.#db = db
    this.#prepare = prepare
  }

  /** The statements that set the database up; call it once after opening. */
  async setUp(pragmas) {
    const [{ page_count: pages }] = await this.#run('PRAGMA page_count')
    if (pages === 0) await this.#sqlite3.exec(this.#db, `PRAGMA page_size = ${PAGE_BYTES}`)
    await this.#sqlite3.exec(this.#db, pragmas)
    await this.#sqlite3.exec(this.#db, TABLE)
  }

  async insertOne(row) {
    await this.#run(SQL.insert, values(row))
  }

  async bulkLoad(rows) {
    const { exec } = this.#sqlite3
    await exec(this.#db, 'BEGIN')
    for (const row of rows) await this.#run(SQL.insert, values(row))
    await exec(this.#db, 'COMMIT')
  }

  /** A commit in full mode waits for all transactions of IndexedDB before it. */
  async persisted() {
    const { exec } = this.#sqlite3
    await exec(this.#db, `PRAGMA synchronous = FULL; PRAGMA user_version = ${1 + Math.floor(Math.random() * 1e9)}`)
    await exec(this.#db, 'PRAGMA synchronous = NORMAL')
  }

  async pointRead(id) {
    return (await this.#run(SQL.pointRead, [id]))[0]
  }

  filterOrderLimit() {
    return this.#run(SQL.filterOrderLimit, [THREAD, STARS_MIN])
  }

  groupBy() {
    return this.#run(SQL.groupBy)
  }

  selfJoin() {
    return this.#run(SQL.selfJoin)
  }

  scan() {
    return this.#run(SQL.scan)
  }

  async createIndex() {
    await this.#sqlite3.exec(this.#db, SQL.createIndex)
  }

  async update(id, stars) {
    await this.#run(SQL.update, [stars, id])
  }

  async close() {
    for (const { statement } of this.#statements.values()) await this.#sqlite3.finalize(statement)
    await this.#sqlite3.close(this.#db)
  }

  async #run(text, params = []) {
    const sqlite3 = this.#sqlite3
    let prepared = this.#statements.get(text)
    if (prepared === undefined) {
      const statement = await this.#prepare(sqlite3, this.#db, text)
      prepared = { statement, names: sqlite3.column_names(statement) }
      this.#statements.set(text, prepared)
    }
    const { statement, names } = prepared
    if (params.length > 0) sqlite3.bind_collection(statement, params)
    const rows = []
    while ((await sqlite3.step(statement)) === ROW) {
      const cells = sqlite3.row(statement)
      const row = {}
      for (let at = 0; at < names.length; at++) row[names[at]] = cells[at]
      rows.push(row)
    }
    await sqlite3.reset(statement)
    return rows
  }
}
