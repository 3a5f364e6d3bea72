import type { Engine, Live } from '../engine.js'
import { isKalamError, KalamError } from '../errors.js'
import type { AttachedTab } from './attached.js'
import type { EngineStatement } from './sessions.js'

/** Different live queries of all tabs. */
const LIVES_MAX = 1_024

interface Shared {
  readonly key: string
  readonly live: Live
  readonly subscribers: Map<string, Subscriber>
}

interface Subscriber {
  readonly tab: AttachedTab
  readonly number: number
}

const latin = new TextDecoder('latin1')

/** The live queries of all tabs. Those of equal text and parameters are computed once. @internal */
export class Lives {
  readonly #engine: Engine
  readonly #shared = new Map<string, Shared>()
  readonly #bySubscriber = new Map<string, Shared>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Subscribes a tab under a number of its own, and gives it all rows. */
  open(tab: AttachedTab, number: number, { sql, params }: EngineStatement): void {
    const id = subscriberId(tab, number)
    this.close(tab, number)
    const key = `${sql}\0${latin.decode(params)}`
    const shared = this.#shared.get(key)
    if (shared === undefined && this.#shared.size >= LIVES_MAX) {
      throw new KalamError(
        'quota',
        'too_many_live_queries',
        `${LIVES_MAX} live queries are open, which is the most: close some`
      )
    }
    const live = this.#engine.live(sql, params)
    const rows = live.rows()
    tab.patch(number, 'rows', rows)
    if (shared === undefined) {
      const fresh: Shared = { key, live, subscribers: new Map([[id, { tab, number }]]) }
      this.#shared.set(key, fresh)
      this.#bySubscriber.set(id, fresh)
      return
    }
    // The others are told what they have not heard yet: from then on the same changes are news for all.
    live.free()
    this.#flush(shared)
    if (!this.#shared.has(key)) return this.open(tab, number, { sql, params })
    shared.subscribers.set(id, { tab, number })
    this.#bySubscriber.set(id, shared)
  }

  close(tab: AttachedTab, number: number): void {
    const id = subscriberId(tab, number)
    const shared = this.#bySubscriber.get(id)
    if (shared === undefined) return
    this.#bySubscriber.delete(id)
    shared.subscribers.delete(id)
    if (shared.subscribers.size > 0) return
    this.#shared.delete(shared.key)
    shared.live.free()
  }

  /** Ends those of a tab. */
  detach(tab: AttachedTab): void {
    for (const shared of [...this.#shared.values()]) {
      for (const { tab: of, number } of [...shared.subscribers.values()]) if (of === tab) this.close(of, number)
    }
  }

  /** Tells what changed. */
  flush(): void {
    for (const shared of [...this.#shared.values()]) this.#flush(shared)
  }

  #flush({ key, live, subscribers }: Shared): void {
    let changes: Uint8Array | undefined
    try {
      changes = live.changes()
    } catch (error) {
      // As when the table is gone; anything else is a crash.
      if (!isKalamError(error)) throw error
      this.#shared.delete(key)
      live.free()
      for (const [id, { tab, number }] of subscribers) {
        this.#bySubscriber.delete(id)
        tab.liveFailed(number, error)
      }
      return
    }
    if (changes === undefined) return
    // Each message may give its bytes away.
    for (const { tab, number } of subscribers.values()) tab.patch(number, 'changes', changes.slice())
  }
}

const subscriberId = (tab: AttachedTab, number: number): string => `${tab.info.tab}:${number}`
