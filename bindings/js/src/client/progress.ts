import { refused, type RejectedWrite } from '../errors.js'
import type { PlainCall } from '../protocol.js'
import type { Progress } from '../result.js'
import type { Entry } from './entry.js'

/** Whom progress asks. @internal */
export interface ProgressClient {
  ask<T>(call: PlainCall): Promise<T>
  hurry(): void
}

/** How far the writes of a call have come. @internal */
export class EntryProgress implements Progress {
  readonly #entry: Entry
  readonly #client: ProgressClient

  constructor(entry: Entry, client: ProgressClient) {
    this.#entry = entry
    this.#client = client
  }

  persisted(): Promise<void> {
    if (this.#entry.isOpen) this.#client.hurry()
    return this.#entry.persisted()
  }

  async synced(): Promise<void> {
    if (this.#entry.mutations.length === 0) return
    // Only what is durable is sent to the server, and only then its number is certain.
    await this.#entry.persisted()
    const { device, mutations } = this.#entry
    const rejected = await this.#client.ask<RejectedWrite | null>({ op: 'synced', device, mutations })
    if (rejected !== null) throw refused(rejected)
  }
}
