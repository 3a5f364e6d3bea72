/**
 * Updates by key that live queries show before the engine has them, so that a text field that shows a row can be typed into.
 * Only where nothing but the row's own values can change: the query's condition and order do not depend on what is updated.
 *
 * @module
 */
import type { Column } from '../values/decode.js'
import type { ColumnType } from '../values/columns.js'

/** An update of one row of a table. @internal */
export interface Edit {
  readonly table: string
  readonly key: ReadonlyMap<string, unknown>
  readonly changes: ReadonlyMap<string, unknown>
}

/** How changes of a row show in a query's result. @internal */
export interface Shows {
  readonly table: string
  /** Columns of the table on which the condition and the order depend. */
  readonly deciding: ReadonlySet<string>
  /** The columns of the result that show the primary key's, by their names in the table. */
  readonly key: ReadonlyMap<string, string>
  /** The columns of the result that show one of the table. */
  readonly places: readonly { readonly of: string; readonly column: Column }[]
}

/** What an edit shows of one row. @internal */
export interface Echo {
  /** The row's key within the query. */
  readonly key: string
  readonly values: Readonly<Record<string, unknown>>
}

type Row = Record<string, unknown>

/** What an edit shows of a query's rows; nothing if it is left to the engine. @internal */
export function echoOf(
  shows: Shows,
  { keys, rows }: { readonly keys: readonly string[]; readonly rows: readonly unknown[] },
  edit: Edit
): Echo | undefined {
  if (edit.table !== shows.table) return undefined
  const wanted: [string, unknown][] = []
  for (const [of, value] of edit.key) {
    const name = shows.key.get(of)
    if (name === undefined) return undefined
    wanted.push([name, value])
  }
  for (const of of edit.changes.keys()) if (shows.deciding.has(of)) return undefined
  const shown = shows.places.filter(({ of }) => edit.changes.has(of))
  if (shown.length === 0) return undefined
  const at = rows.findIndex((row) => wanted.every(([name, value]) => (row as Row)[name] === value))
  if (at < 0) return undefined
  const values: Record<string, unknown> = {}
  for (const { of, column } of shown) {
    const value = edit.changes.get(of)
    if (!isAsGiven(column.type, value, (rows[at] as Row)[column.name])) return undefined
    values[column.name] = value
  }
  return { key: keys[at] as string, values }
}

/** Whether the engine gives the value back as it is; `now` is what it gives at present. */
function isAsGiven(type: ColumnType, value: unknown, now: unknown): boolean {
  if (value === null) return true
  switch (type) {
    case 'BIGINT':
      // A number or a bigint, as the application has chosen for the column.
      return typeof value === typeof now && (typeof value === 'bigint' || Number.isSafeInteger(value))
    case 'BOOLEAN':
      return typeof value === 'boolean'
    case 'SMALLINT':
      return isInteger(value, 2 ** 15)
    case 'INT':
      return isInteger(value, 2 ** 31)
    case 'DOUBLE':
      return typeof value === 'number' && Number.isFinite(value)
    case 'TEXT':
      return typeof value === 'string'
    default:
      return false
  }
}

const isInteger = (value: unknown, end: number): boolean =>
  Number.isInteger(value) && (value as number) >= -end && (value as number) < end
