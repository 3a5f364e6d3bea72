import { useSyncStatus } from 'kalamdb/react'
import { useDemo } from '../database/useDemo'
import { keepOffline } from '../session/session'
import { Switch } from './Switch'
import { complain } from './toasts'

/** Disconnects from the server, in all tabs; everything goes on. */
export function OfflineSwitch() {
  const db = useDemo()
  const status = useSyncStatus()
  const set = (isOffline: boolean): void => {
    keepOffline(isOffline)
    const change = isOffline ? db.sync.stop() : db.sync.start()
    change.catch(complain)
  }
  return (
    <Switch checked={status?.state === 'offline'} onChange={set}>
      Offline
    </Switch>
  )
}
