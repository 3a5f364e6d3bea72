/**
 * Numbers the commits of an engine and finds out when they are durable: one wait at a time covers all that were made before
 * it.
 *
 * @internal
 */
export class Durability {
  readonly #persisted: () => Promise<void>
  readonly #durable: (commit: number) => void
  readonly #failed: (error: unknown) => void
  #last = 0
  #isWaiting = false
  #isDue = false

  /** `durable` is told up to which commit all are durable. */
  constructor(persisted: () => Promise<void>, durable: (commit: number) => void, failed: (error: unknown) => void) {
    this.#persisted = persisted
    this.#durable = durable
    this.#failed = failed
  }

  /** The number of a commit that was just made. */
  commit(): number {
    this.#isDue = true
    return ++this.#last
  }

  /** Begins to wait for what was committed in this turn. */
  turn(): void {
    if (!this.#isDue || this.#isWaiting) return
    this.#isDue = false
    this.#isWaiting = true
    const upTo = this.#last
    this.#persisted()
      .then(
        () => this.#durable(upTo),
        (error: unknown) => this.#failed(error)
      )
      .finally(() => {
        this.#isWaiting = false
        this.turn()
      })
  }
}
