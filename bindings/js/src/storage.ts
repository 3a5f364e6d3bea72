import type { Client } from './client/client.js'
import type { Durability } from './engine.js'

/** Where the rows of a database are kept. */
export class Storage {
  readonly #client: Client

  /** @internal */
  constructor(client: Client) {
    this.#client = client
  }

  /**
   * `memory` if it was asked for, or if the browser has no IndexedDB for the page, as in some private windows. Where a private
   * window has one that ends with the window, as Chromium's, it is `indexeddb`: a page cannot tell.
   */
  get mode(): 'indexeddb' | 'memory' {
    return this.#client.storage.mode
  }

  /** When a write counts as persisted: on disk (`strict`), or with the browser (`relaxed`), which survives it unless the machine fails. */
  get durability(): Durability {
    return this.#client.storage.durability
  }

  /** Why the rows are only in memory although it was not asked for. */
  get reason(): string | undefined {
    return this.#client.storage.reason
  }

  /** The size of the rows in memory, in bytes. */
  get bytes(): number {
    return this.#client.status.bytes
  }
}
