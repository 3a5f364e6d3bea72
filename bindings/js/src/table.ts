import { isKalamError, KalamError } from './errors.js'
import type { Edit } from './live/echo.js'
import type { Write } from './result.js'
import { tableName } from './schema/ddl.js'
import type {
  Columns,
  CounterDeltas,
  InsertRow,
  Key,
  SelectRow,
  TableSpec,
  Timestamps,
  UpdateRow
} from './schema/schema.js'
import { Fragment, quote, type Statement } from './sql.js'
import { jsonText } from './values/encode.js'

/** Runs the statements of tables: a database, or a transaction. @internal */
export interface TableRunner {
  /** Runs one statement. */
  one(statement: Statement): Promise<{ rows: readonly Record<string, unknown>[]; write: Write }>
  /** Runs statements that take effect together. */
  all(statements: readonly Statement[]): Promise<Omit<Write, 'affected'>>
  /** Shows an update in live queries. Gives what is called when it has taken effect or failed. */
  echo?(edit: Edit): () => void
}

/** Rows of one INSERT: its text stays short enough for the engine to keep it parsed. */
const INSERT_ROWS_MAX = 128
/** Texts that are kept. */
const INSERT_TEXTS_MAX = 64
/** Parameters of one statement. */
const PARAMETERS_MAX = 4_096

/**
 * A table of the schema.
 *
 * ```ts
 * import { defineSchema, open, sql, t } from 'kalamdb'
 *
 * const schema = defineSchema('app', {
 *   notes: { id: t.uuid().primaryKey().default(sql`UUID_V7()`), title: t.text().notNull(), likes: t.counter() }
 * })
 * const db = await open({ name: 'tables', storage: 'memory', schema })
 * const id = crypto.randomUUID()
 * const write = await db.tables.notes.insert({ id, title: 'first' })
 * await write.persisted()
 * await db.tables.notes.update(id, { title: 'renamed' })
 * await db.tables.notes.add(id, { likes: 1 })
 * console.log(await db.tables.notes.get(id))
 * await db.tables.notes.delete(id)
 * ```
 *
 * In SQL it stands for its name: `` db.sql`SELECT * FROM ${db.tables.notes}` ``.
 *
 * @typeParam C - its columns
 */
export class Table<C extends Columns, S extends Timestamps = 'date'> extends Fragment<never> {
  readonly #spec: TableSpec
  readonly #runner: TableRunner
  readonly #name: string
  readonly #where: string
  readonly #select: string
  /** Texts of INSERTs by columns and rows. */
  readonly #insertTexts = new Map<string, string>()

  /** @internal */
  constructor(spec: TableSpec, runner: TableRunner) {
    super({ text: tableName(spec), values: [] })
    this.#spec = spec
    this.#runner = runner
    this.#name = tableName(spec)
    this.#where = spec.key.map((column, at) => `${quote(column)} = $${at + 1}`).join(' AND ')
    this.#select = `SELECT ${[...spec.columns.keys()].map(quote).join(', ')} FROM ${this.#name} WHERE ${this.#where}`
  }

  /**
   * Inserts a row, or rows that take effect together. `affected` counts them. If many rows fail in a transaction after some of
   * them took effect, it goes no further: its other statements and its commit fail with `conflict`/`transaction_spoiled`.
   *
   * @throws KalamError `conflict`/`duplicate_key` if a key exists, `invalid` if a value does not fit
   */
  async insert(rows: InsertRow<C> | readonly InsertRow<C>[]): Promise<Write> {
    const list = (Array.isArray(rows) ? rows : [rows]) as readonly Record<string, unknown>[]
    const statements = this.#inserts(list)
    const [first] = statements
    if (first === undefined) return { affected: 0, persisted: () => Promise.resolve(), synced: () => Promise.resolve() }
    try {
      if (statements.length === 1) return (await this.#runner.one(first)).write
      const progress = await this.#runner.all(statements)
      return { affected: list.length, persisted: () => progress.persisted(), synced: () => progress.synced() }
    } catch (error) {
      throw isKalamError(error) && list.length > 1 ? ofRow(error, statements) : error
    }
  }

  /**
   * Changes columns of the row with this key. `affected` is 0 if there is none. Live queries of this page that show the row
   * show the change before the function returns, where their condition and order do not depend on it and its columns are
   * BOOLEAN, TEXT, DOUBLE or integers; should the change be refused, the row becomes again what it was.
   *
   * @throws KalamError `invalid` if a value does not fit
   */
  async update(key: Key<C>, changes: UpdateRow<C>): Promise<Write> {
    const given = this.#given(changes as Record<string, unknown>)
    const values = this.#key(key)
    if (given.columns.length === 0) throw this.#invalid('nothing_to_change', 'update was given no column')
    const set = given.columns.map((column, at) => `${quote(column)} = $${values.length + at + 1}`).join(', ')
    const text = `UPDATE ${this.#name} SET ${set} WHERE ${this.#where}`
    const one = this.#runner.one({ text, values: [...values, ...given.values] })
    const end = this.#runner.echo?.({
      table: `${this.#spec.namespace}.${this.#spec.name}`,
      key: new Map(this.#spec.key.map((column, at) => [column, values[at]])),
      changes: new Map(given.columns.map((column, at) => [column, given.values[at]]))
    })
    try {
      return (await one).write
    } finally {
      end?.()
    }
  }

  /** Deletes the row with this key. `affected` is 0 if there is none. */
  async delete(key: Key<C>): Promise<Write> {
    return (await this.#runner.one({ text: `DELETE FROM ${this.#name} WHERE ${this.#where}`, values: this.#key(key) }))
      .write
  }

  /** The row with this key. */
  async get(key: Key<C>): Promise<SelectRow<C, S> | undefined> {
    const { rows } = await this.#runner.one({ text: this.#select, values: this.#key(key) })
    return rows[0] as SelectRow<C, S> | undefined
  }

  /** Adds to counters of the row with this key; concurrent additions of other devices add up. */
  async add(key: Key<C>, deltas: CounterDeltas<C>): Promise<Write> {
    const given = this.#given(deltas as Record<string, unknown>)
    const values = this.#key(key)
    if (given.columns.length === 0) throw this.#invalid('nothing_to_change', 'add was given no counter')
    for (const [at, column] of given.columns.entries()) {
      const delta = given.values[at]
      if (this.#spec.columns.get(column)?.type !== 'COUNTER')
        throw this.#invalid('wrong_type', `\`${column}\` is no COUNTER: use update`)
      if (typeof delta !== 'bigint' && !Number.isSafeInteger(delta))
        throw this.#invalid('bad_parameter', `what is added to \`${column}\` is not an integer`)
    }
    const set = given.columns
      .map((column, at) => `${quote(column)} = ${quote(column)} + $${values.length + at + 1}`)
      .join(', ')
    const text = `UPDATE ${this.#name} SET ${set} WHERE ${this.#where}`
    return (await this.#runner.one({ text, values: [...values, ...given.values] })).write
  }

  /** INSERTs for rows in order. Their sizes are powers of two, so that few texts serve all. */
  #inserts(rows: readonly Record<string, unknown>[]): Insert[] {
    const statements: Insert[] = []
    let at = 0
    let columns: readonly string[] = []
    const given = rows.map((row, place) => {
      try {
        const { columns: named, values } = this.#given(row, columns)
        columns = named
        return { columns, values }
      } catch (error) {
        throw isKalamError(error) && rows.length > 1 ? inRow(place + 1, error) : error
      }
    })
    for (let first = given[0]; first !== undefined; first = given[at]) {
      const { columns } = first
      // DEFAULT VALUES is one row.
      const most =
        columns.length === 0 ? 1 : Math.min(INSERT_ROWS_MAX, Math.max(1, Math.floor(PARAMETERS_MAX / columns.length)))
      let alike = 1
      while (alike < most && given[at + alike]?.columns === columns) alike++
      const count = 2 ** Math.floor(Math.log2(alike))
      const values = given.slice(at, at + count).flatMap((row) => row.values)
      statements.push({ text: this.#insertText(columns, count), values, columns, rows: count })
      at += count
    }
    return statements
  }

  #insertText(columns: readonly string[], count: number): string {
    if (columns.length === 0) return `INSERT INTO ${this.#name} DEFAULT VALUES`
    const shape = [count, ...columns].join()
    const known = this.#insertTexts.get(shape)
    if (known !== undefined) return known
    const row = (of: number): string => `(${columns.map((_, at) => `$${of * columns.length + at + 1}`).join(', ')})`
    const rows = Array.from({ length: count }, (_, of) => row(of)).join(', ')
    const text = `INSERT INTO ${this.#name} (${columns.map(quote).join(', ')}) VALUES ${rows}`
    if (this.#insertTexts.size >= INSERT_TEXTS_MAX) this.#insertTexts.clear()
    this.#insertTexts.set(shape, text)
    return text
  }

  /**
   * What a row gives, in the order of the schema, so that equal shapes have equal texts. Its columns are `like` itself if they
   * are the same.
   */
  #given(row: Record<string, unknown>, like: readonly string[] = []): Given {
    if (typeof row !== 'object' || row === null || Array.isArray(row))
      throw this.#invalid('bad_row', 'a row is an object with the names of columns')
    const columns: string[] = []
    const values: unknown[] = []
    let known = 0
    let isLike = true
    for (const [column, spec] of this.#spec.columns) {
      if (!Object.hasOwn(row, column)) continue
      known++
      const value = row[column]
      if (value === undefined) continue
      isLike &&= like[columns.length] === column
      columns.push(column)
      values.push(spec.type === 'JSON' && value !== null ? this.#json(column, value) : value)
    }
    if (known < Object.keys(row).length) {
      const unknown = Object.keys(row).find((column) => !this.#spec.columns.has(column))
      throw this.#invalid('unknown_column', `there is no column \`${unknown}\` in the schema`)
    }
    return { columns: isLike && columns.length === like.length ? like : columns, values }
  }

  #json(column: string, value: unknown): string {
    try {
      return jsonText(value, 0)
    } catch (error) {
      if (!isKalamError(error)) throw error
      const message = `column \`${column}\`${error.message.replace(/^parameter 0/, '')}`
      throw this.#invalid(error.code, message, error.cause)
    }
  }

  #key(key: unknown): unknown[] {
    const columns = this.#spec.key
    const values = isByName(key) ? columns.map((column) => key[column]) : Array.isArray(key) ? key : [key]
    const extra = isByName(key) && Object.keys(key).length !== columns.length
    if (values.length !== columns.length || extra || values.includes(undefined)) {
      throw this.#invalid(
        'bad_key',
        `the key is (${columns.join(', ')}): give ${columns.length === 1 ? 'its value' : 'an object with these, or an array in this order'}`
      )
    }
    return values
  }

  #invalid(code: string, message: string, cause?: unknown): KalamError {
    const { namespace, name } = this.#spec
    return new KalamError('invalid', code, `table \`${namespace}.${name}\`: ${message}`, { cause })
  }
}

function isByName(key: unknown): key is Record<string, unknown> {
  return (
    typeof key === 'object' && key !== null && !Array.isArray(key) && !(key instanceof Date) && !ArrayBuffer.isView(key)
  )
}

/** A statement that inserts so many rows. */
interface Insert extends Statement {
  readonly columns: readonly string[]
  readonly rows: number
}

/** Codes of what is wrong with a row, where the engine was given one and does not name it. */
const OF_ROW: ReadonlySet<string> = new Set([
  'duplicate_key',
  'not_null',
  'check_violation',
  'wrong_type',
  'invalid_value',
  'key_too_long',
  'row_too_large'
])

/** The error of one of these with the number, from 1, that the row has among all. */
function ofRow(error: KalamError, statements: readonly Insert[]): KalamError {
  const at = error.statement ?? (statements.length === 1 ? 0 : -1)
  const statement = statements[at]
  if (statement === undefined) return error
  const before = statements.slice(0, at).reduce((sum, { rows }) => sum + rows, 0)
  const [inEngine = '', row] = /^row (\d+): /.exec(error.message) ?? []
  if (row !== undefined) return inRow(before + Number(row), error, error.message.slice(inEngine.length))
  const [, parameter, why] = /^parameter (\d+)(.*)$/s.exec(error.message) ?? []
  if (parameter !== undefined) {
    const [place, width] = [Number(parameter) - 1, statement.columns.length]
    return inRow(before + Math.floor(place / width) + 1, error, `column \`${statement.columns[place % width]}\`${why}`)
  }
  return statement.rows === 1 && OF_ROW.has(error.code) ? inRow(before + 1, error) : error
}

const inRow = (row: number, error: KalamError, message = error.message): KalamError =>
  new KalamError(error.kind, error.code, `row ${row}: ${message}`, { ...error, cause: error })

/** Columns and their values. */
interface Given {
  readonly columns: readonly string[]
  readonly values: readonly unknown[]
}
