import { AsyncDuckDB, DuckDBAccessMode, VoidLogger } from '@duckdb/duckdb-wasm'
import workerUrl from '@duckdb/duckdb-wasm/dist/duckdb-browser-eh.worker.js?url'
import wasmUrl from '@duckdb/duckdb-wasm/dist/duckdb-eh.wasm?url'
import { COLUMNS, values } from '../data.js'
import { STARS_MIN, THREAD, sql } from '../questions.js'
import { noLive } from './cannot.js'
import { wipeOpfs } from './wipe.js'

const SQL = sql('messages', () => '?')
const TABLE =
  'CREATE TABLE IF NOT EXISTS messages (id BIGINT PRIMARY KEY, thread VARCHAR, author VARCHAR, body VARCHAR, stars INTEGER, created TIMESTAMP)'
const ROWS_FILE = 'rows.csv'
const time = (row) => ({ ...row, created: new Date(row.created).toISOString() })

/** @type {import('./index.js').Adapter} */
export default {
  storage: 'OPFS',
  cannot: noLive,
  async open(name) {
    const db = new AsyncDuckDB(new VoidLogger(), new Worker(workerUrl))
    await db.instantiate(new URL(wasmUrl, location.href).href)
    await db.open({
      path: `opfs://${name}.db`,
      accessMode: DuckDBAccessMode.READ_WRITE,
      query: { castBigIntToDouble: true, castDecimalToDouble: true },
    })
    const connection = await db.connect()
    await connection.query(TABLE)
    return new Database(db, connection)
  },
  wipe: wipeOpfs,
}

class Database {
  #db
  #connection
  #statements = new Map()

  constructor(db, connection) {
    this.#db = db
    this.#connection = connection
  }

  async insertOne(row) {
    await (await this.#prepared(SQL.insert)).query(...values(time(row)))
  }

  async bulkLoad(rows) {
    const lines = rows.map((row) => values(time(row)).join(',')).join('\n')
    await this.#db.registerFileText(ROWS_FILE, `${COLUMNS.join(',')}\n${lines}\n`)
    const columns = "{'id': 'BIGINT', 'thread': 'VARCHAR', 'author': 'VARCHAR', 'body': 'VARCHAR', 'stars': 'INTEGER', 'created': 'TIMESTAMP'}"
    await this.#connection.query(`INSERT INTO messages FROM read_csv('${ROWS_FILE}', header = true, columns = ${columns})`)
    await this.#db.dropFile(ROWS_FILE)
  }

  async persisted() {
    await this.#connection.query('CHECKPOINT')
    await this.#db.flushFiles()
  }

  async pointRead(id) {
    return (await this.#all(SQL.pointRead, id))[0]
  }

  filterOrderLimit() {
    return this.#all(SQL.filterOrderLimit, THREAD, STARS_MIN)
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

  async createIndex() {
    await this.#connection.query(SQL.createIndex)
  }

  async update(id, stars) {
    await (await this.#prepared(SQL.update)).query(stars, id)
  }

  async close() {
    for (const statement of this.#statements.values()) await statement.close()
    await this.#connection.close()
    await this.#db.reset() // closes the file, which the end of the worker does some time later
    await this.#db.dropFiles()
    await this.#db.terminate()
  }

  async #prepared(text) {
    let statement = this.#statements.get(text)
    if (statement === undefined) {
      statement = await this.#connection.prepare(text)
      this.#statements.set(text, statement)
    }
    return statement
  }

  async #all(text, ...params) {
    const table = await (await this.#prepared(text)).query(...params)
    return table.toArray().map((row) => row.toJSON())
  }
}
