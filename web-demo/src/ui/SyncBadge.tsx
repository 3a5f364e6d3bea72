import { useSyncStatus } from 'kalamdb/react'
import { useSession } from '../session/session'
import { SyncPill } from './SyncPill'
import { syncText } from './syncText'

/** How it stands with the server; leads to the page that says more. */
export function SyncBadge() {
  const status = useSyncStatus()
  const session = useSession()
  const hasServer = session.phase === 'open' && session.account.url !== null
  const text = syncText(status, hasServer)
  const refused = status?.rejected ?? 0
  return (
    <a className="badge-link" href="#/inspector" title={text.detail}>
      <SyncPill {...text} pending={hasServer ? (status?.pending ?? 0) : 0} refused={refused} />
    </a>
  )
}
