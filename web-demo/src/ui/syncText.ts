import type { SyncStatus } from 'kalamdb'
import { counted, sentence } from './format'

/** How it stands with the server, in few words, and whether that is good. */
export interface SyncText {
  readonly tone: 'good' | 'busy' | 'idle' | 'bad'
  readonly text: string
  /** More, for those who want to know. */
  readonly detail: string
}

export function syncText(status: SyncStatus | undefined, hasServer: boolean): SyncText {
  if (status === undefined || !hasServer) return { tone: 'idle', text: 'On this device', detail: 'No server: the rows are on this device only.' }
  const waiting = status.pending === 0 ? '' : `${counted(status.pending, 'write')} to send`
  const detail = [waiting, sentence(status.error?.message ?? '')].filter((part) => part !== '').join('. ')
  switch (status.state) {
    case 'offline':
      return { tone: 'idle', text: 'Offline', detail }
    case 'connecting':
      return { tone: 'busy', text: 'Connecting', detail }
    case 'snapshot': {
      const { blocks = 0, blocksTotal = 0 } = status
      return { tone: 'busy', text: blocksTotal === 0 ? 'Downloading' : `Downloading ${Math.floor((100 * blocks) / blocksTotal)}%`, detail }
    }
    case 'catching_up':
      return { tone: 'busy', text: 'Catching up', detail }
    case 'live':
      return status.pending > 0 ? { tone: 'busy', text: 'Sending', detail } : { tone: 'good', text: 'In sync', detail }
    case 'waiting':
      return { tone: 'idle', text: 'No connection', detail }
    case 'blocked':
      return { tone: 'bad', text: 'Sync is blocked', detail }
  }
}
