import { isKalamError, KalamError, kalamError } from '../errors.js'
import type { LiveSink } from '../live/source.js'
import type { Answers } from '../protocol.js'
import type { Steps } from '../values/decode.js'
import { unpack } from '../values/pack.js'
import type { CallPlan, Entry } from './entry.js'
import type { SentStatement } from './plans.js'

/** How often a live query is begun again after crashes that happened while it began. */
const CRASHES_MAX = 3

interface Feed {
  readonly statement: SentStatement
  readonly sink: LiveSink
  entry: Entry | undefined
  crashes: number
}

/** The page's live queries at the engine, begun again with each new engine. @internal */
export class Feeds {
  readonly #call: (plan: CallPlan) => Entry
  readonly #feeds = new Map<number, Feed>()
  #lastNumber = 0

  constructor(call: (plan: CallPlan) => Entry) {
    this.#call = call
  }

  /** Begins a live query; gives what ends it. */
  open(statement: SentStatement, sink: LiveSink): () => void {
    const number = ++this.#lastNumber
    const feed: Feed = { statement, sink, entry: undefined, crashes: 0 }
    this.#feeds.set(number, feed)
    this.#begin(number, feed)
    return () => {
      if (!this.#feeds.delete(number)) return
      try {
        this.#call({ survives: false, make: (id) => ({ op: 'unlive', id, live: number }) }).answer.catch(() => {})
      } catch {
        // The database is closed, and its live queries with it.
      }
    }
  }

  /** Reads news in steps; `bytes` are the common ones. Gives what makes them seen. */
  *read({ patches = [] }: Answers, bytes: Uint8Array): Steps<() => void> {
    const shows: (() => void)[] = []
    for (const { live, rows, changes, error } of patches) {
      const feed = this.#feeds.get(live)
      if (feed === undefined) continue
      const { sink } = feed
      // It may be over by then.
      const show = (what: () => void): number => shows.push(() => this.#feeds.get(live) === feed && what())
      if (error !== undefined) show(() => this.#fail(live, feed, kalamError(error)))
      try {
        if (rows !== undefined) show(yield* sink.rows(unpack(rows, bytes)))
        if (changes !== undefined) show(yield* sink.changes(unpack(changes, bytes)))
      } catch (cause) {
        show(() => sink.failed(unreadable(cause)))
      }
    }
    return () => {
      for (const show of shows) show()
    }
  }

  /** Begins all again with another engine. */
  again(crashed: boolean): void {
    for (const [number, feed] of [...this.#feeds]) {
      if (crashed && feed.entry?.answered === false && ++feed.crashes >= CRASHES_MAX) {
        this.#fail(
          number,
          feed,
          new KalamError(
            'internal',
            'worker_crashed',
            `the database's worker crashed ${CRASHES_MAX} times when this live query began`
          )
        )
      } else {
        this.#begin(number, feed)
      }
    }
  }

  /** The database is gone. */
  end(error: KalamError): void {
    for (const [number, feed] of [...this.#feeds]) this.#fail(number, feed, error)
  }

  #begin(number: number, feed: Feed): void {
    const { text, params } = feed.statement
    const entry = this.#call({
      survives: false,
      make: (id, pack) => ({ op: 'live', id, live: number, sql: text, params: pack(params) })
    })
    feed.entry = entry
    entry.answer.catch((error: KalamError) => {
      // Otherwise it has begun again, with another engine.
      if (feed.entry === entry) this.#fail(number, feed, error)
    })
  }

  #fail(number: number, feed: Feed, error: KalamError): void {
    if (this.#feeds.delete(number)) feed.sink.failed(error)
  }
}

const unreadable = (cause: unknown): KalamError =>
  isKalamError(cause)
    ? cause
    : new KalamError('internal', 'live_broken', 'rows of a live query could not be read', { cause })
