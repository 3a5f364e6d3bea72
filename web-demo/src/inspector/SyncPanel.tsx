import { useSyncStatus } from 'kalamdb/react'
import { useState } from 'react'
import { note } from '../database/timings'
import { useDemo } from '../database/useDemo'
import type { Account } from '../session/account'
import { clock, millis } from '../ui/format'
import { Message } from '../ui/Message'
import { complain, tell, textOf } from '../ui/toasts'
import { Facts } from './Facts'

const WAIT_MILLIS = 30_000

/** Where the database stands with its server. */
export function SyncPanel({ account }: { readonly account: Account }) {
  const db = useDemo()
  const status = useSyncStatus()
  const [isWaiting, setIsWaiting] = useState(false)
  if (status === undefined || account.url === null) return <p className="quiet">There is no server: the rows stay on this device.</p>
  const wait = async (): Promise<void> => {
    const began = performance.now()
    setIsWaiting(true)
    try {
      await db.sync.waitFor('synced', { timeout: WAIT_MILLIS })
      const ms = performance.now() - began
      note('wait until synced', ms, 0)
      tell(`Equal with the server after ${millis(ms)}.`)
    } catch (error) {
      complain(error)
    } finally {
      setIsWaiting(false)
    }
  }
  const { state, synced, held, updated, epoch, seq, device, until, blocks, blocksTotal, error } = status
  return (
    <>
      <Facts
        facts={[
          ['State', <code key="state">{state}</code>],
          ['Equal with the server', synced ? 'yes' : 'no'],
          ['Server', account.url],
          ['User', status.user ?? account.user],
          ['Device', <code key="device">{device}</code>],
          ['Log', <code key="epoch">{epoch}</code>],
          ['Position in the log', seq],
          ['Heard of it', updated === 0 ? 'never' : clock(updated)],
          ['Next try', state === 'waiting' && until !== undefined ? clock(until) : undefined],
          ['Writes are held', held ? 'until a change of the schema is decided' : undefined]
        ]}
      />
      {blocksTotal !== undefined && blocksTotal > 0 && (
        <label className="progress">
          Snapshot, {blocks ?? 0} of {blocksTotal} parts
          <progress value={blocks ?? 0} max={blocksTotal} />
        </label>
      )}
      {error !== undefined && (
        <p className="problem">
          <Message text={textOf(error)} />
        </p>
      )}
      <button type="button" className="button" disabled={isWaiting || state === 'offline'} onClick={() => void wait()}>
        {isWaiting ? 'Waiting …' : 'Wait until equal'}
      </button>
    </>
  )
}
