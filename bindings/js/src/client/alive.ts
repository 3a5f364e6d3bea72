import { type LobbyMessage, names } from '../worker/messages.js'

/**
 * The leader's page answers the followers' pings too: its worker may be busy with a long statement. A page that is frozen
 * still hears its channels, and says nothing.
 *
 * @internal
 */
export class Alive {
  readonly #name: string | undefined
  #lobby: BroadcastChannel | undefined
  /** Ends what is heard of the page. */
  #ends = new AbortController()

  constructor(name: string | undefined) {
    this.#name = name
  }

  /** Answers from now on, or does not any more. */
  set(isLeader: boolean): void {
    if (isLeader === (this.#lobby !== undefined)) return
    this.#lobby?.close()
    this.#lobby = undefined
    this.#ends.abort()
    if (!isLeader || this.#name === undefined || typeof BroadcastChannel === 'undefined') return
    const lobby = new BroadcastChannel(names.database(this.#name))
    const { signal } = (this.#ends = new AbortController())
    let isFrozen = false
    if (typeof document !== 'undefined') {
      document.addEventListener('freeze', () => (isFrozen = true), { signal })
      document.addEventListener('resume', () => (isFrozen = false), { signal })
    }
    lobby.onmessage = ({ data }: MessageEvent<LobbyMessage>) => {
      if (data.type === 'ping' && !isFrozen)
        lobby.postMessage({ type: 'pong', tab: data.tab, from: 'page' } satisfies LobbyMessage)
    }
    this.#lobby = lobby
  }
}
