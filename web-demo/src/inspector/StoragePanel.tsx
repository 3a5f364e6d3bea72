import { useSyncStatus } from 'kalamdb/react'
import { useEffect, useState } from 'react'
import { listTables, tableOf } from '../database/catalog'
import type { Demo } from '../database/schema'
import { useDemo } from '../database/useDemo'
import { bytes, count } from '../ui/format'
import { Message } from '../ui/Message'
import { complain } from '../ui/toasts'
import { Facts } from './Facts'
import { useTick } from './useTick'

interface TableSize {
  readonly name: string
  readonly rows: number
}

const NONE: readonly TableSize[] = []

/** Where the rows are, and how many. */
export function StoragePanel() {
  const db = useDemo()
  const status = useSyncStatus()
  const tick = useTick(1_000)
  const [used, setUsed] = useState<StorageEstimate>()
  const [tables, setTables] = useState(NONE)
  useEffect(() => void navigator.storage?.estimate().then(setUsed, () => setUsed(undefined)), [tick])
  const version = `${status?.seq} ${status?.lastMutation}`
  useEffect(() => {
    let isCurrent = true
    sizes(db).then((found) => isCurrent && setTables(found), complain)
    return () => {
      isCurrent = false
    }
  }, [db, version])
  const { mode, durability, reason } = db.storage
  return (
    <>
      <Facts
        facts={[
          ['Name', <code key="name">{db.name ?? 'none'}</code>],
          ['Kept in', mode === 'indexeddb' ? 'IndexedDB' : 'memory only'],
          ['Because', reason === undefined ? undefined : <Message key="reason" text={reason} />],
          ['A write is durable', durability === 'strict' ? 'when it is on disk' : 'when the browser has it'],
          ['Rows in memory', bytes(db.storage.bytes)],
          ['This site uses', used?.usage === undefined ? undefined : `${bytes(used.usage)} of ${bytes(used.quota ?? 0)}`]
        ]}
      />
      <h3>Tables</h3>
      <table className="plain-table">
        <thead>
          <tr>
            <th scope="col">Table</th>
            <th scope="col" className="number">
              Rows
            </th>
          </tr>
        </thead>
        <tbody>
          {tables.map(({ name, rows }) => (
            <tr key={name}>
              <th scope="row">
                <code>{name}</code>
              </th>
              <td className="number">{count(rows)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

async function sizes(db: Demo): Promise<TableSize[]> {
  const tables = await listTables(db)
  return Promise.all(
    tables.map(async (table) => {
      const answer = await db.sql<{ n: number }>`SELECT count(*) AS n FROM ${tableOf(table)}`.first()
      return { name: `${table.namespace}.${table.name}`, rows: answer?.n ?? 0 }
    })
  )
}
