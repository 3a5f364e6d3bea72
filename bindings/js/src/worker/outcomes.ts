import type { Engine } from '../engine.js'
import type { RejectedWrite } from '../errors.js'

interface Waiting {
  /** What the server has not decided yet. */
  mutations: readonly number[]
  resolve(rejected: RejectedWrite | null): void
  reject(error: unknown): void
}

/** Waits for what the server decides about writes. @internal */
export class Outcomes {
  readonly #engine: Engine
  readonly #waiting = new Set<Waiting>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Null when the server has taken all of these transactions, or the first one that it refused. */
  wait(mutations: readonly number[]): Promise<RejectedWrite | null> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { mutations, resolve, reject }
      this.#waiting.add(waiting)
      this.#lookAt(waiting)
    })
  }

  /** The server may have decided some. */
  look(): void {
    for (const waiting of [...this.#waiting]) this.#lookAt(waiting)
  }

  #lookAt(waiting: Waiting): void {
    try {
      const open: number[] = []
      for (const mutation of waiting.mutations) {
        const outcome = this.#engine.outcome(mutation)
        if (outcome === undefined) open.push(mutation)
        else if (outcome !== true) return this.#end(waiting, () => waiting.resolve(outcome))
      }
      waiting.mutations = open
      if (open.length === 0) this.#end(waiting, () => waiting.resolve(null))
    } catch (error) {
      this.#end(waiting, () => waiting.reject(error))
    }
  }

  #end(waiting: Waiting, tell: () => void): void {
    this.#waiting.delete(waiting)
    tell()
  }
}
