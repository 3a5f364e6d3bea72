import { type LobbyMessage, names } from '../worker/messages.js'

/**
 * The leader's page answers the followers' pings too: its worker may be busy with a long statement, and a tab that is frozen
 * answers from neither.
 *
 * @internal
 */
export class Alive {
  readonly #name: string | undefined
  #lobby: BroadcastChannel | undefined

  constructor(name: string | undefined) {
    this.#name = name
  }

  /** Answers from now on, or does not any more. */
  set(isLeader: boolean): void {
    if (isLeader === (this.#lobby !== undefined)) return
    this.#lobby?.close()
    this.#lobby = undefined
    if (!isLeader || this.#name === undefined || typeof BroadcastChannel === 'undefined') return
    const lobby = new BroadcastChannel(names.database(this.#name))
    lobby.onmessage = ({ data }: MessageEvent<LobbyMessage>) => {
      if (data.type === 'ping')
        lobby.postMessage({ type: 'pong', tab: data.tab, known: true, from: 'page' } satisfies LobbyMessage)
    }
    this.#lobby = lobby
  }
}
