import type { RejectedWrite } from 'kalamdb'
import { useSyncStatus } from 'kalamdb/react'
import { useEffect, useState } from 'react'
import { useDemo } from '../database/useDemo'
import { clock } from './format'
import { Message } from './Message'
import { complain } from './toasts'

const NONE: readonly RejectedWrite[] = []

/** The writes that the server refused, of the database around; nothing if there are none. */
export function RefusedWrites({ empty = '' }: { readonly empty?: string }) {
  const db = useDemo()
  const refused = useSyncStatus()?.rejected ?? 0
  const [writes, setWrites] = useState(NONE)
  useEffect(() => {
    let isCurrent = true
    if (refused === 0) setWrites(NONE)
    else db.sync.rejected().then((list) => isCurrent && setWrites(list), complain)
    return () => {
      isCurrent = false
    }
  }, [db, refused])
  if (writes.length === 0) return empty === '' ? null : <p className="quiet">{empty}</p>
  return (
    <ul className="refused" aria-label="Refused writes">
      {writes.map(({ number, code, message, written, changes }) => (
        <li key={number}>
          <p>
            <strong>
              <Message text={message} />
            </strong>{' '}
            <code>{code}</code>
          </p>
          <p className="quiet">
            <Message text={changes.map(({ table, op, key }) => `${op} \`${table}\` ${key}`).join('; ')} />, written at {clock(written)}
          </p>
          <button type="button" className="button button-small" onClick={() => void db.sync.dismiss(number).catch(complain)}>
            Dismiss
          </button>
        </li>
      ))}
    </ul>
  )
}
