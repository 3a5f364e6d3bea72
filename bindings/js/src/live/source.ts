import { KalamError } from '../errors.js'
import type { ValueOptions } from '../values/columns.js'
import { type Echo, echoOf, type Edit, type Shows } from './echo.js'
import type { Steps } from '../values/decode.js'
import {
  applyChanges,
  type Change,
  compare,
  decodeChanges,
  decodeRows,
  kept,
  type KeyedRows,
  type Step
} from './rows.js'

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

/** Where the engine's news of one query go. What is read in steps gives what makes it seen. @internal */
export interface LiveSink {
  rows(bytes: Uint8Array): Steps<() => void>
  changes(bytes: Uint8Array): Steps<() => void>
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
  /** What the engine has; what is shown differs by the echoes. */
  #state: KeyedRows<R> | undefined
  #shows: Shows | undefined
  /** Updates of rows that the engine has not answered, in order. */
  #echoes: Echo[] = []
  /** Events that listeners have not heard, each with those that it is for; the first is being told. */
  readonly #untold: { readonly event: LiveEvent<R>; readonly listeners: readonly LiveListener<R>[] }[] = []
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
    else if (this.#snapshot.status === 'live') {
      const event = { rows: this.#snapshot.rows, changes: null }
      guarded(() => listener.event(event))
    }
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) {
        this.#lingering = setTimeout(() => this.#end(), LINGER_MILLIS)
      }
    }
  }

  *rows(bytes: Uint8Array): Steps<() => void> {
    const whole = yield* decodeRows<R>(bytes, this.#options)
    return () => {
      this.#shows = whole.shows
      if (this.#state === undefined) return this.#become(whole, null)
      const step = compare(this.#state, whole)
      if (step.changes.length > 0) this.#step(step)
    }
  }

  *changes(bytes: Uint8Array): Steps<() => void> {
    const changes = yield* decodeChanges<R>(bytes, this.#options)
    return () => {
      if (this.#state !== undefined) this.#step(applyChanges(this.#state, changes))
      else this.failed(new KalamError('internal', 'live_out_of_order', 'changes of a live query came before its rows'))
    }
  }

  /**
   * Shows an update at once, if nothing but values of a row that is shown can change by it. Gives what is called when the
   * engine has answered, after its changes have come.
   */
  echo(edit: Edit): (() => void) | undefined {
    const state = this.#state
    const echo = state === undefined || this.#shows === undefined ? undefined : echoOf(this.#shows, state, edit)
    if (state === undefined || echo === undefined) return undefined
    this.#echoes.push(echo)
    this.#show(state, echo.key)
    return () => {
      const at = this.#echoes.indexOf(echo)
      if (at < 0) return
      this.#echoes.splice(at, 1)
      if (this.#state !== undefined) this.#show(this.#state, echo.key)
    }
  }

  failed(error: KalamError): void {
    this.#end()
    this.#snapshot = Object.freeze({ rows: this.#snapshot.rows, status: 'error', error })
    for (const listener of [...this.#listeners])
      if (this.#listeners.has(listener)) guarded(() => listener.failed(error))
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
    this.#shows = undefined
    this.#echoes = []
    if (this.#snapshot.status === 'live')
      this.#snapshot = Object.freeze({ rows: this.#snapshot.rows, status: 'loading' })
  }

  /** The engine's rows are others; those with echoes look as before, unless the engine moved them. */
  #step({ next, changes }: Step<R>): void {
    if (this.#echoes.length === 0) return this.#become(next, changes)
    const before = this.#snapshot.rows
    const rows = [...next.rows]
    for (const key of new Set(this.#echoes.map((echo) => echo.key))) {
      const index = next.keys.indexOf(key)
      const shown = before[this.#state?.keys.indexOf(key) ?? -1]
      if (index >= 0) rows[index] = kept(shown, this.#echoed(key, next.rows[index] as R))
    }
    const visible = changes.map((change): Change<R> => ({
      ...change,
      row: (change.type === 'delete' ? before : rows)[change.index] as R
    }))
    const isSame = rows.length === before.length && rows.every((row, index) => row === before[index])
    if (isSame) this.#state = next
    else this.#become(next, visible, rows)
  }

  /** A row of the engine's with the echoes that it has. */
  #echoed(key: string, row: R): R {
    const own = this.#echoes.filter((echo) => echo.key === key)
    return own.length === 0 ? row : Object.assign({}, row, ...own.map(({ values }) => values))
  }

  /** Shows a row after its echoes have changed. */
  #show(state: KeyedRows<R>, key: string): void {
    const index = state.keys.indexOf(key)
    if (index < 0) return
    const before = this.#snapshot.rows
    const row = kept(before[index], this.#echoed(key, state.rows[index] as R))
    const rows = before.with(index, row)
    // Without echoes the row is what the engine has; the object that is known stays.
    const isSettled = !this.#echoes.some((echo) => echo.key === key)
    const settled = isSettled ? { keys: state.keys, rows: state.rows.with(index, row) } : state
    if (row === before[index]) this.#state = settled
    else this.#become(settled, [{ type: 'update', key, row, index }], rows)
  }

  #become(state: KeyedRows<R>, changes: readonly Change<R>[] | null, rows = state.rows): void {
    this.#state = state
    this.#snapshot = Object.freeze({ rows: Object.freeze(rows), status: 'live' })
    this.#tell({ rows: this.#snapshot.rows, changes })
  }

  /** A listener may update a row, which is an event again: that one waits until all have heard of this one. */
  #tell(event: LiveEvent<R>): void {
    this.#untold.push({ event, listeners: [...this.#listeners] })
    if (this.#untold.length > 1) return
    for (let next = this.#untold[0]; next !== undefined; next = this.#untold[0]) {
      const { event: told, listeners } = next
      for (const listener of listeners) if (this.#listeners.has(listener)) guarded(() => listener.event(told))
      this.#untold.shift()
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
