import { isKalamError, KalamError } from '../errors.js'
import type { ValueOptions } from '../values/columns.js'
import { applyChanges, type Change, compare, decodeRows, type KeyedRows } from './rows.js'

/** The state of a live query; the same object until something changes, and so are its rows. */
export interface LiveSnapshot<R> {
  /** All rows, in order. */
  readonly rows: readonly R[]
  /** `loading` until the first rows are there. */
  readonly status: 'loading' | 'live' | 'error'
  /** Why there will be no more rows. */
  readonly error?: KalamError
}

/** What a live query tells: at first all rows, with `changes` null; then what changed. */
export interface LiveEvent<R> {
  /** All rows, in order. */
  readonly rows: readonly R[]
  /** What happened since the last event; null for all rows. */
  readonly changes: readonly Change<R>[] | null
}

/** Who wants to know. @internal */
export interface LiveListener<R> {
  event(event: LiveEvent<R>): void
  failed(error: KalamError): void
}

/** Where the engine's news of one query go. @internal */
export interface LiveSink {
  rows(bytes: Uint8Array): void
  changes(bytes: Uint8Array): void
  failed(error: KalamError): void
}

/** How long a query that nobody uses goes on: a component that is mounted again finds its rows there. */
const LINGER_MILLIS = 1_000

/** @internal */
export const LOADING: LiveSnapshot<never> = Object.freeze({ rows: Object.freeze([]), status: 'loading' as const })

/**
 * One query in the engine, shared by all live queries of the page with the same text and parameters. It runs while it has
 * listeners.
 *
 * @internal
 */
export class LiveSource<R> implements LiveSink {
  readonly #open: (sink: LiveSink) => () => void
  readonly #options: ValueOptions
  readonly #listeners = new Set<LiveListener<R>>()
  #stop: (() => void) | undefined
  #lingering: ReturnType<typeof setTimeout> | undefined
  #state: KeyedRows<R> | undefined
  #snapshot: LiveSnapshot<R> = LOADING

  /** `open` begins to feed the sink, and gives what ends it. */
  constructor(open: (sink: LiveSink) => () => void, options: ValueOptions) {
    this.#open = open
    this.#options = options
  }

  get snapshot(): LiveSnapshot<R> {
    return this.#snapshot
  }

  /** Adds a listener, which first learns the rows if they are there. Gives what removes it. */
  listen(listener: LiveListener<R>): () => void {
    this.#listeners.add(listener)
    clearTimeout(this.#lingering)
    if (this.#snapshot.status === 'error' || this.#stop === undefined) this.#start()
    else if (this.#snapshot.status === 'live') listener.event({ rows: this.#snapshot.rows, changes: null })
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) {
        this.#lingering = setTimeout(() => this.#end(), LINGER_MILLIS)
      }
    }
  }

  rows(bytes: Uint8Array): void {
    this.#take(() => {
      const whole = decodeRows<R>(bytes, this.#options)
      if (this.#state === undefined) {
        this.#become(whole, null)
        return
      }
      const { next, changes } = compare(this.#state, whole)
      if (changes.length > 0) this.#become(next, changes)
    })
  }

  changes(bytes: Uint8Array): void {
    this.#take(() => {
      if (this.#state === undefined)
        throw new KalamError('internal', 'live_out_of_order', 'changes of a live query came before its rows')
      const { next, changes } = applyChanges(this.#state, bytes, this.#options)
      this.#become(next, changes)
    })
  }

  failed(error: KalamError): void {
    this.#end()
    this.#snapshot = Object.freeze({ rows: this.#snapshot.rows, status: 'error', error })
    for (const listener of [...this.#listeners]) guarded(() => listener.failed(error))
  }

  #start(): void {
    this.#end()
    this.#snapshot = LOADING
    this.#stop = this.#open(this)
  }

  #end(): void {
    clearTimeout(this.#lingering)
    this.#stop?.()
    this.#stop = undefined
    this.#state = undefined
    if (this.#snapshot.status === 'live')
      this.#snapshot = Object.freeze({ rows: this.#snapshot.rows, status: 'loading' })
  }

  #become(state: KeyedRows<R>, changes: readonly Change<R>[] | null): void {
    this.#state = state
    this.#snapshot = Object.freeze({ rows: Object.freeze(state.rows), status: 'live' })
    const event = { rows: this.#snapshot.rows, changes }
    for (const listener of [...this.#listeners]) guarded(() => listener.event(event))
  }

  #take(work: () => void): void {
    try {
      work()
    } catch (cause) {
      this.failed(
        isKalamError(cause)
          ? cause
          : new KalamError('internal', 'live_broken', 'rows of a live query could not be read', { cause })
      )
    }
  }
}

/** An application's listener that throws does not keep others from hearing; its error is reported as uncaught. @internal */
export function guarded(call: () => void): void {
  try {
    call()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
