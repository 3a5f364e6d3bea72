import { sql } from 'kalamdb'
import { useLiveQuery } from 'kalamdb/react'
import { cellText } from '../console/cells'
import { type KeyedTable, tableOf } from '../database/catalog'
import { counted } from '../ui/format'
import { Message } from '../ui/Message'
import { textOf } from '../ui/toasts'

/** Rows of a table that are listed. */
const ROWS_MAX = 8

/** What people call a row by, where that is not its key. */
const TITLES: Readonly<Record<string, string>> = { 'demo.notes': 'title', 'demo.board': 'item' }

interface WaitingRow extends Record<string, unknown> {
  readonly _deleted: boolean
}

/** The rows of a table that were written or deleted here and wait for the server; nothing if there are none. */
export function WaitingRows({ table }: { readonly table: KeyedTable }) {
  const name = `${table.namespace}.${table.name}`
  const shown = TITLES[name] === undefined ? table.key : [TITLES[name]]
  const columns = [...new Set([...table.key, ...shown])].map((column) => sql.id(column))
  // Where a query names `_deleted`, deleted rows show.
  const { rows, status, error } = useLiveQuery(sql<WaitingRow>`SELECT ${sql.join(columns)}, _deleted FROM ${tableOf(table)} WHERE _seq IS NULL ORDER BY _updated DESC LIMIT ${ROWS_MAX}`)
  if (status === 'error') {
    return (
      <p className="problem" role="alert">
        <Message text={textOf(error)} />
      </p>
    )
  }
  if (rows.length === 0) return null
  const text = (row: WaitingRow, of: readonly string[]): string => of.map((column) => cellText(row[column])).join(', ')
  return (
    <>
      <h3>
        {rows.length === ROWS_MAX ? `The newest ${ROWS_MAX} rows` : counted(rows.length, 'row')} of <code>{name}</code> to send
      </h3>
      <ul className="bare" aria-label={`To send of ${name}`}>
        {rows.map((row) => (
          <li key={text(row, table.key)}>
            {text(row, shown)}
            {row._deleted && <span className="quiet">, deleted</span>}
          </li>
        ))}
      </ul>
    </>
  )
}
