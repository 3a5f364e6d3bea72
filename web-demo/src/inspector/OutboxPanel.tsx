import { sql } from 'kalamdb'
import { useLiveQuery, useSyncStatus } from 'kalamdb/react'
import { count, counted } from '../ui/format'
import { Facts } from './Facts'

/** Rows that are listed. */
const ROWS_MAX = 8

/** What was written here and waits for the server. */
export function OutboxPanel() {
  const status = useSyncStatus()
  const { rows } = useLiveQuery(sql<{ id: string; title: string }>`SELECT id, title FROM demo.notes WHERE _seq IS NULL ORDER BY _updated DESC LIMIT ${ROWS_MAX}`)
  const pending = status?.pending ?? 0
  return (
    <>
      <Facts
        facts={[
          ['Transactions to send', count(pending)],
          ['Last transaction', status === undefined ? undefined : count(status.lastMutation)],
          ['Last one on disk', status === undefined ? undefined : count(status.persistedMutation)]
        ]}
      />
      {rows.length > 0 && (
        <>
          <h3>{rows.length === ROWS_MAX ? `The newest ${ROWS_MAX} notes that wait` : `${counted(rows.length, 'note')} to send`}</h3>
          <ul className="bare">
            {rows.map(({ id, title }) => (
              <li key={id}>{title}</li>
            ))}
          </ul>
        </>
      )}
    </>
  )
}
