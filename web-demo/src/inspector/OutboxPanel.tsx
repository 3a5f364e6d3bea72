import { useSyncStatus } from 'kalamdb/react'
import { useEffect, useState } from 'react'
import { type KeyedTable, listKeyedTables } from '../database/catalog'
import { useDemo } from '../database/useDemo'
import { count } from '../ui/format'
import { complain } from '../ui/toasts'
import { Facts } from './Facts'
import { WaitingRows } from './WaitingRows'

const NONE: readonly KeyedTable[] = []

/** What was written here and waits for the server. */
export function OutboxPanel() {
  const db = useDemo()
  const status = useSyncStatus()
  const [tables, setTables] = useState(NONE)
  const pending = status?.pending ?? 0
  useEffect(() => {
    let isCurrent = true
    listKeyedTables(db).then((found) => isCurrent && setTables(found), complain)
    return () => {
      isCurrent = false
    }
    // A table that is new has rows that wait only after something was written.
  }, [db, pending])
  return (
    <>
      <Facts
        facts={[
          ['Transactions to send', count(pending)],
          ['Last transaction', status === undefined ? undefined : count(status.lastMutation)],
          ['Last one on disk', status === undefined ? undefined : count(status.persistedMutation)]
        ]}
      />
      {tables.map((table) => (
        <WaitingRows key={`${table.namespace}.${table.name}`} table={table} />
      ))}
    </>
  )
}
