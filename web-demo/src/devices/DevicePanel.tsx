import { sql } from 'kalamdb'
import { useLiveQuery, useSyncStatus } from 'kalamdb/react'
import { type FormEvent, useEffect, useId, useState } from 'react'
import type { BoardRow } from '../database/schema'
import { useDemo } from '../database/useDemo'
import { counted } from '../ui/format'
import { Icon } from '../ui/Icon'
import { RefusedWrites } from '../ui/RefusedWrites'
import { Switch } from '../ui/Switch'
import { SyncPill } from '../ui/SyncPill'
import { syncText } from '../ui/syncText'
import { Message } from '../ui/Message'
import { complain, textOf } from '../ui/toasts'
import { BoardItem } from './BoardItem'

export interface BoardLine extends BoardRow {
  readonly _seq: bigint | null
}

interface DevicePanelProps {
  readonly name: string
  /** The other device's rows, to show what is different. */
  readonly other: readonly BoardRow[]
  readonly onRows: (rows: readonly BoardRow[]) => void
}

const BOARD = sql<BoardLine>`SELECT id, item, price, remark, amount, done, _seq FROM demo.board ORDER BY id`

/** What one device sees, and what of it waits for the server. */
export function DevicePanel({ name, other, onRows }: DevicePanelProps) {
  const db = useDemo()
  const status = useSyncStatus()
  const { rows, status: live, error } = useLiveQuery(BOARD)
  useEffect(() => onRows(rows), [rows, onRows])
  const title = useId()
  const isOffline = status?.state === 'offline'
  const waiting = rows.filter(({ _seq }) => _seq === null).length
  return (
    <section className="card device" aria-labelledby={title} data-offline={isOffline}>
      <div className="card-head">
        <h2 id={title}>{name}</h2>
        <SyncPill {...syncText(status, true)} pending={status?.pending ?? 0} refused={status?.rejected ?? 0} />
        <Switch checked={isOffline} onChange={(off) => void (off ? db.sync.stop() : db.sync.start()).catch(complain)}>
          <span className="hidden">{name} </span>Offline
        </Switch>
      </div>
      {live === 'error' && (
        <p className="problem" role="alert">
          <Message text={textOf(error)} />
        </p>
      )}
      <ul className="board">
        {rows.map((row) => (
          <BoardItem key={row.id} row={row} other={other.find(({ id }) => id === row.id)} />
        ))}
      </ul>
      {live === 'live' && rows.length === 0 && <p className="empty">No rows on this device.</p>}
      <NewItem device={name} />
      <p className="quiet device-foot">
        {counted(rows.length, 'row')}
        {waiting > 0 && `, ${counted(waiting, 'of them has', 'of them have')} changes that wait`}
        {status !== undefined && `, position ${status.seq}`}
      </p>
      <RefusedWrites />
    </section>
  )
}

function NewItem({ device }: { readonly device: string }) {
  const db = useDemo()
  const [item, setItem] = useState('')
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (item.trim() === '') return
    setItem('')
    db.tables.board.insert({ id: crypto.randomUUID(), item: item.trim() }).catch(complain)
  }
  return (
    <form className="new-item" onSubmit={submit}>
      <input value={item} maxLength={100} aria-label={`New row on the ${device.toLowerCase()}`} placeholder="New row" onChange={(event) => setItem(event.target.value)} />
      <button type="submit" className="button" disabled={item.trim() === ''} aria-label={`Add the row on the ${device.toLowerCase()}`}>
        <Icon name="plus" />
      </button>
    </form>
  )
}
