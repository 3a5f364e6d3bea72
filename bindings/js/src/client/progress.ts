import { refused, type RejectedWrite } from '../errors.js'
import type { PlainCall } from '../protocol.js'
import type { Progress } from '../result.js'
import type { Entry } from './entry.js'

/** How far the writes of a call have come. @internal */
export class EntryProgress implements Progress {
  readonly #entry: Entry
  readonly #ask: (call: PlainCall) => Promise<RejectedWrite | null>

  constructor(entry: Entry, ask: (call: PlainCall) => Promise<RejectedWrite | null>) {
    this.#entry = entry
    this.#ask = ask
  }

  persisted(): Promise<void> {
    return this.#entry.persisted()
  }

  async synced(): Promise<void> {
    if (this.#entry.mutations.length === 0) return
    // Only what is durable is sent to the server, and only then its number is certain.
    await this.#entry.persisted()
    const rejected = await this.#ask({ op: 'synced', mutations: this.#entry.mutations })
    if (rejected !== null) throw refused(rejected)
  }
}
