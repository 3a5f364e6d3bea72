import { useSyncExternalStore } from 'react'
import type { SyncStatus } from '../sync.js'
import { useMaybeDatabase } from './provider.js'

/** The status of sync, rendered again when it changes; `undefined` on a server and until the database is open. */
export function useSyncStatus(): SyncStatus | undefined {
  const db = useMaybeDatabase()
  return useSyncExternalStore(
    db?.sync.subscribe ?? nothing,
    () => db?.sync.status,
    () => undefined
  )
}

const nothing = (): (() => void) => () => {}
