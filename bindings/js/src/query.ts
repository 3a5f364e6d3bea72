import { KalamError } from './errors.js'
import type { LiveQuery } from './live/query.js'
import type { Result } from './result.js'
import { Fragment, type Row, type Source, type Statement } from './sql.js'

/** What runs queries: a database or a transaction. @internal */
export interface Runner {
  run<R>(statement: Statement): Promise<Result<R>>
  arrow(statement: Statement): Promise<Uint8Array>
  live<R>(statement: Statement, signal: AbortSignal | undefined): LiveQuery<R>
}

/**
 * A statement that has not run yet. `await` runs it, once; {@link Query.live} keeps its rows up to date instead.
 *
 * ```ts
 * import { open } from 'kalamdb'
 *
 * const db = await open({ name: 'queries', storage: 'memory' })
 * const query = db.sql<{ now: Date }>`SELECT NOW() AS now`
 * const rows = await query
 * const row = await db.sql<{ now: Date }>`SELECT NOW() AS now`.first()
 * console.log(rows.length, row?.now)
 * ```
 *
 * Statements of a page start in the order in which they were awaited. One that needs the query module goes on beside those
 * that come after it.
 *
 * @typeParam R - a row
 */
export class Query<R = Row> extends Fragment<R> implements PromiseLike<Result<R>> {
  readonly #runner: Runner
  readonly #signal: AbortSignal | undefined
  #running: Promise<Result<R>> | undefined

  /** @internal */
  constructor(runner: Runner, source: Source, signal?: AbortSignal) {
    super(source)
    this.#runner = runner
    this.#signal = signal
  }

  /** Runs the statement, unless it ran already, and passes its rows on. */
  then<A = Result<R>, B = never>(
    fulfilled?: ((result: Result<R>) => A | PromiseLike<A>) | null,
    rejected?: ((error: unknown) => B | PromiseLike<B>) | null
  ): Promise<A | B> {
    this.#running ??= abortable(this.#signal, () => this.#runner.run<R>(this))
    return this.#running.then(fulfilled, rejected)
  }

  /** As a promise's `catch`. */
  catch<B = never>(rejected?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<Result<R> | B> {
    return this.then(null, rejected)
  }

  /** As a promise's `finally`. */
  finally(settled?: (() => void) | null): Promise<Result<R>> {
    return this.then().finally(settled)
  }

  /** The first row, or `undefined` if there is none. */
  async first(): Promise<R | undefined> {
    return (await this)[0]
  }

  /** The rows as an Apache Arrow IPC stream, for charts and data frames. Fetches the query module. */
  arrow(): Promise<Uint8Array> {
    return abortable(this.#signal, () => this.#runner.arrow(this))
  }

  /**
   * The rows, kept up to date. It starts when it is first used.
   *
   * Live queries read one table for now: others end with KalamError `invalid`/`live_one_table`.
   *
   * @throws KalamError `invalid`/`bad_parameter` for a value that is none of SQL
   */
  live(): LiveQuery<R> {
    return this.#runner.live(this, this.#signal)
  }

  /** The same query, to be run once more. */
  again(): Query<R> {
    return new Query<R>(this.#runner, this.source, this.#signal)
  }

  /**
   * The same query, given up when `signal` aborts: it then rejects with the signal's reason. What has reached the engine by
   * then takes effect all the same.
   */
  signal(signal: AbortSignal): Query<R> {
    return new Query<R>(this.#runner, this.source, signal)
  }
}

/** The work's promise, or a rejection with the signal's reason if that comes first. @internal */
export function abortable<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  if (signal === undefined) return work()
  if (signal.aborted) return Promise.reject(signal.reason as Error)
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    const settle = (): void => signal.removeEventListener('abort', abort)
    work().then(resolve, reject).finally(settle)
  })
}

/** The text and values of what an application calls a query. @internal */
export function statementOf(text: unknown, values: unknown): Statement {
  if (typeof text !== 'string')
    throw new KalamError('invalid', 'bad_query', 'a query is text: db.query("SELECT …", [values]), or db.sql`SELECT …`')
  if (!Array.isArray(values))
    throw new KalamError('invalid', 'bad_parameters', 'the parameters of db.query are an array: db.query(text, [1, 2])')
  return { text, values }
}
