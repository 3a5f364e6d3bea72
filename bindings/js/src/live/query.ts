import { KalamError } from '../errors.js'
import { guarded, LOADING, type LiveEvent, type LiveListener, type LiveSnapshot, type LiveSource } from './source.js'

/** Events that an iterator keeps for a slow loop, and rows in them; beyond them it is given all rows at once instead. */
const ITERATOR_EVENTS_MAX = 1_024
const ITERATOR_ROWS_MAX = 1_000_000

/**
 * A query whose rows are kept up to date, computed from the rows that changed and not by running it again. It starts when it
 * is first used and ends when nobody uses it any more. Live queries with the same text and parameters are one.
 *
 * ```ts
 * import { open } from 'kalamdb'
 *
 * const db = await open({ name: 'live', storage: 'memory' })
 * await db.query('CREATE NAMESPACE app')
 * await db.query('CREATE USER TABLE app.notes (title TEXT NOT NULL)')
 * const live = db.sql<{ title: string }>`SELECT title FROM app.notes ORDER BY title`.live()
 * const stop = live.onChange(({ rows, changes }) => console.log(rows.length, changes))
 * await db.sql`INSERT INTO app.notes (title) VALUES (${'hello'})`
 * stop()
 * ```
 *
 * As an async iterable it gives the same events: `for await (const { rows } of live) …`. A loop that is slow is not given
 * every step: what it missed comes as all rows, with `changes` null.
 *
 * @typeParam R - a row
 */
export class LiveQuery<R> implements AsyncIterable<LiveEvent<R>> {
  readonly #source: LiveSource<R>
  readonly #ends = new Set<(reason: unknown) => void>()
  #closed: { readonly reason: unknown } | undefined
  #ready: Promise<void> | undefined
  #isReady = false

  /** @internal */
  constructor(source: LiveSource<R>, signal?: AbortSignal) {
    this.#source = source
    if (signal === undefined) return
    if (signal.aborted) {
      this.#end(signal.reason)
      return
    }
    const abort = (): void => this.#end(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    this.#ends.add(() => signal.removeEventListener('abort', abort))
  }

  /**
   * The present state: for React, `useSyncExternalStore(live.subscribe, live.getSnapshot)`. The same object until it changes,
   * and rows that did not change are the same objects.
   */
  readonly getSnapshot = (): LiveSnapshot<R> => this.#source.snapshot

  /** What a server renders: nothing is there yet. */
  readonly getServerSnapshot = (): LiveSnapshot<R> => LOADING

  /**
   * Calls `listener` after each change of the snapshot. Gives what ends that.
   *
   * @throws KalamError `closed`/`query_closed` after {@link LiveQuery.close}
   */
  readonly subscribe = (listener: () => void): (() => void) => this.#listen({ event: listener, failed: listener })

  /**
   * Calls `listener` with all rows and then with each change. Gives what ends that. If the query cannot run, or not any more,
   * `failed` is told. Without it, and if {@link LiveQuery.ready} does not tell it, the error is reported as uncaught; kind
   * `closed` is not, which the database tells itself.
   */
  onChange(listener: (event: LiveEvent<R>) => void, failed?: (error: KalamError) => void): () => void {
    const told = (error: KalamError): void => {
      if ((this.#ready === undefined || this.#isReady) && error.kind !== 'closed')
        guarded(() => {
          throw error
        })
    }
    return this.#listen({ event: listener, failed: failed ?? told })
  }

  /**
   * Resolves with the first rows. It keeps the query running until {@link LiveQuery.close}.
   *
   * @throws KalamError if the query cannot run
   */
  get ready(): Promise<void> {
    return (this.#ready ??= new Promise((resolve, reject) => {
      this.#ends.add(reject)
      const event = (): void => {
        this.#isReady = true
        resolve()
      }
      this.#listen({ event, failed: reject })
    }))
  }

  /** Ends all uses of this object. The last snapshot stays. */
  close(): void {
    this.#end(new KalamError('closed', 'query_closed', 'the live query is closed: make another one'))
  }

  /** The events. Leaving the loop ends it. */
  async *[Symbol.asyncIterator](): AsyncGenerator<LiveEvent<R>, void, undefined> {
    let events: LiveEvent<R>[] = []
    let rows = 0
    let ended: { readonly reason: unknown } | undefined
    let wake = (): void => {}
    const end = (reason: unknown): void => {
      ended ??= { reason }
      wake()
    }
    const stop = this.#listen({
      event: (event) => {
        rows += event.rows.length
        const isMuch = events.length >= ITERATOR_EVENTS_MAX || (events.length > 0 && rows > ITERATOR_ROWS_MAX)
        if (isMuch) {
          events = [{ rows: event.rows, changes: null }]
          rows = event.rows.length
        } else events.push(event)
        wake()
      },
      failed: end
    })
    this.#ends.add(end)
    try {
      for (;;) {
        for (let event = events.shift(); event !== undefined; event = events.shift()) {
          rows -= event.rows.length
          yield event
        }
        if (ended !== undefined) {
          if (isClosing(ended.reason)) return
          throw ended.reason
        }
        await new Promise<void>((resolve) => (wake = resolve))
      }
    } finally {
      this.#ends.delete(end)
      stop()
    }
  }

  #listen(listener: LiveListener<R>): () => void {
    if (this.#closed !== undefined) throw this.#closed.reason
    const stop = this.#source.listen(listener)
    const end = (): void => {
      this.#ends.delete(end)
      stop()
    }
    this.#ends.add(end)
    return end
  }

  #end(reason: unknown): void {
    if (this.#closed !== undefined) return
    this.#closed = { reason }
    for (const end of [...this.#ends]) end(reason)
    this.#ends.clear()
  }
}

const isClosing = (reason: unknown): boolean => reason instanceof KalamError && reason.code === 'query_closed'
