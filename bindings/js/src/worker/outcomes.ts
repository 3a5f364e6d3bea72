import type { Decided, Engine } from '../engine.js'
import { KalamError, type RejectedWrite } from '../errors.js'

interface Waiting {
  /** Who waits. */
  readonly tab: string
  /** The identity that numbered them. */
  readonly device: string
  readonly mutations: readonly number[]
  /** The last of them. */
  readonly last: number
  resolve(rejected: RejectedWrite | null): void
  reject(error: unknown): void
}

type Refused = () => ReadonlyMap<number, RejectedWrite>

/** Waits for what the server decides about writes, in their order. @internal */
export class Outcomes {
  readonly #engine: Engine
  readonly #waiting = new Set<Waiting>()
  /** The state of the last look. */
  #seen: Decided | undefined

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Null when the server has taken all of these transactions, or the first one that it refused. */
  wait(tab: string, device: string, mutations: readonly number[]): Promise<RejectedWrite | null> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { tab, device, mutations, last: Math.max(0, ...mutations), resolve, reject }
      const isSettled = this.#settle(waiting, this.#engine.decided(), this.#refused())
      if (!isSettled) this.#waiting.add(waiting)
    })
  }

  /** The server may have decided some. */
  look(): void {
    if (this.#waiting.size === 0) return
    const decided = this.#engine.decided()
    const { first, rejected, device } = this.#seen ?? {}
    // Most news are others: there may be many who wait.
    if (decided.first === first && decided.rejected === rejected && decided.device === device) return
    this.#seen = decided
    const refused = this.#refused()
    for (const waiting of [...this.#waiting]) if (this.#settle(waiting, decided, refused)) this.#waiting.delete(waiting)
  }

  /** Nobody of this tab waits any more. */
  forget(tab: string): void {
    for (const waiting of [...this.#waiting]) if (waiting.tab === tab) this.#waiting.delete(waiting)
  }

  /** Tells what is known; whether that is all. */
  #settle(waiting: Waiting, { device, first, rejected }: Decided, refused: Refused): boolean {
    if (device !== waiting.device) {
      waiting.reject(forked())
      return true
    }
    const own = rejected === 0 ? undefined : waiting.mutations.find((mutation) => refused().has(mutation))
    if (own !== undefined) waiting.resolve(refused().get(own) as RejectedWrite)
    else if (first > waiting.last) waiting.resolve(null)
    else return false
    return true
  }

  /** The rejected writes by their numbers, read when they are asked for. */
  #refused(): Refused {
    let list: ReadonlyMap<number, RejectedWrite> | undefined
    return () => (list ??= new Map(this.#engine.rejected().map((write) => [write.mutation, write])))
  }
}

const forked = (): KalamError =>
  new KalamError(
    'conflict',
    'device_forked',
    "the server does not know this copy of the database, which got a new identity: what waits is sent again under that one. Await db.sync.waitFor('synced') and look at db.sync.rejected()"
  )
