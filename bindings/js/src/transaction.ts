import type { Client } from './client/client.js'
import type { SentStatement } from './client/plans.js'
import { asStatement, isKalamError, KalamError } from './errors.js'
import type { LiveQuery } from './live/query.js'
import { abortable, Query, type Runner, statementOf } from './query.js'
import { type Progress, Result } from './result.js'
import { type Row, type Statement, template } from './sql.js'
import type { Tables, Timestamps } from './schema/schema.js'
import { type TablesOf, tablesOf } from './tables.js'

/** How often a transaction is run before it is given up. */
export const TRANSACTION_RUNS_MAX = 8

/** How often it is run again after a crash of the engine. */
const CRASHES_MAX = 3

/** What a transaction gave, and what became of what it wrote. */
export interface Committed<T> {
  /** What its function returned. */
  readonly value: T
  /** As {@link Write.persisted}. */
  persisted(): Promise<void>
  /** As {@link Write.synced}. */
  synced(): Promise<void>
}

/**
 * An open transaction: it sees its own writes, and all take effect together when its function returns.
 *
 * @typeParam T - the tables of the schema
 */
export class Transaction<T extends Tables = Tables, S extends Timestamps = 'date'> {
  /** The tables of the schema, within the transaction. */
  readonly tables: TablesOf<T, S>
  readonly #client: Client
  readonly #session: number
  readonly #statements: SentStatement[] = []
  readonly #running = new Set<Promise<unknown>>()
  #isOpen = true
  #hasBegun = false
  #failure: KalamError | undefined
  /** Set once a bulk insert has taken effect in part. */
  #spoiled: KalamError | undefined

  /** @internal */
  constructor(client: Client, specs: Parameters<typeof tablesOf>[0]) {
    this.#client = client
    this.#session = client.begin()
    this.tables = tablesOf(specs, {
      one: async (statement) => {
        const result = await this.#run<Record<string, unknown>>(statement)
        return { rows: result, write: result }
      },
      all: (statements) => {
        const all = this.#all(statements)
        // The commit waits for the last of them, too.
        this.#running.add(all)
        return all
      }
    })
  }

  /** A statement within the transaction, written as a template. */
  sql<R = Row>(strings: TemplateStringsArray, ...values: unknown[]): Query<R> {
    return new Query<R>(this.#runner, template(strings, values))
  }

  /**
   * A statement within the transaction, with `$1`, `$2`, … or `?` for parameters. A text of several has its effect whole or not at
   * all; if it fails, the transaction goes on without it.
   *
   * @throws KalamError `invalid`/`transaction_control` for BEGIN, COMMIT and ROLLBACK
   */
  query<R = Row>(text: string, values: readonly unknown[] = []): Query<R> {
    return new Query<R>(this.#runner, statementOf(text, values))
  }

  /** Commits. @internal */
  async commit(): Promise<Progress> {
    await Promise.allSettled(this.#running)
    this.#isOpen = false
    if (this.#failure !== undefined) throw this.#failure
    if (this.#spoiled !== undefined) throw this.#spoiled
    if (!this.#hasBegun) return NOTHING_WRITTEN
    try {
      return (await this.#client.commit(this.#session, this.#statements)).progress
    } catch (error) {
      // Others have changed a row that it writes, or the tab that ran it is gone.
      if (isKalamError(error) && error.kind === 'retry') this.#failure = error
      throw error
    }
  }

  /** Why it did not come about, if running it again may help. @internal */
  get failure(): KalamError | undefined {
    return this.#failure
  }

  /** Gives up what was written, also after a commit that failed: it may not have come to the engine. @internal */
  abandon(): void {
    this.#isOpen = false
    if (this.#hasBegun) this.#client.abandon(this.#session)
  }

  get #runner(): Runner {
    return {
      run: (statement) => this.#run(statement),
      arrow: () => Promise.reject(notHere('arrow()')),
      live: (): LiveQuery<never> => {
        throw notHere('live()')
      }
    }
  }

  async #run<R>(statement: Statement): Promise<Result<R>> {
    if (!this.#isOpen)
      throw new KalamError(
        'closed',
        'transaction_closed',
        'the transaction has ended: await its statements within its function'
      )
    if (this.#spoiled !== undefined) throw this.#spoiled
    const step = this.#client.step(this.#session, statement, !this.#hasBegun)
    this.#hasBegun = true
    this.#running.add(step)
    try {
      const { results, sent } = await step
      this.#statements.push(sent)
      return new Result<R>(lastOf(results), NOT_COMMITTED)
    } catch (error) {
      // A text that fails leaves the transaction as it was; one whose engine is gone leaves none.
      if (isKalamError(error) && LOST.has(error.code)) this.#failure ??= error
      throw error
    } finally {
      this.#running.delete(step)
    }
  }

  async #all(statements: readonly Statement[]): Promise<Progress> {
    for (const [at, statement] of statements.entries()) {
      try {
        await asStatement(at, () => this.#run(statement))
      } catch (error) {
        // The engine takes back one text and not those before it.
        if (at > 0) this.#spoiled ??= spoiled(error)
        throw error
      }
    }
    return NOT_COMMITTED
  }
}

/** Runs `work` in transactions until one commits. @internal */
export async function transact<T extends Tables, S extends Timestamps, V>(
  client: Client,
  specs: Parameters<typeof tablesOf>[0],
  work: (tx: Transaction<T, S>) => V | PromiseLike<V>,
  signal?: AbortSignal
): Promise<Committed<V>> {
  let crashes = 0
  for (let run = 1; ; run++) {
    signal?.throwIfAborted()
    const transaction = new Transaction<T, S>(client, specs)
    try {
      const value = await abortable(signal, async () => work(transaction))
      const progress = await transaction.commit()
      return { value, persisted: () => progress.persisted(), synced: () => progress.synced() }
    } catch (error) {
      transaction.abandon()
      const again = transaction.failure
      if (again === undefined || signal?.aborted === true) throw error
      if (again.code === 'worker_crashed' && ++crashes >= CRASHES_MAX) throw again
      if (run >= TRANSACTION_RUNS_MAX) {
        throw new KalamError(
          'retry',
          'transaction_given_up',
          `the transaction was run ${run} times and could not be committed: ${again.message}`,
          { cause: again }
        )
      }
    }
  }
}

function notHere(what: string): KalamError {
  return new KalamError('invalid', 'not_in_transaction', `${what} is not available within a transaction: use db`)
}

const spoiled = (cause: unknown): KalamError =>
  new KalamError(
    'conflict',
    'transaction_spoiled',
    'an insert of many rows took effect in part, so that the transaction cannot go on: run it again, and let the error of the insert end it',
    { cause }
  )

/** The codes of errors after which there is no transaction any more. */
const LOST: ReadonlySet<string> = new Set(['leader_gone', 'transaction_lost', 'worker_crashed'])

const NOTHING_WRITTEN: Progress = { persisted: () => Promise.resolve(), synced: () => Promise.resolve() }

/** What is asked of a write that is part of a transaction. */
const NOT_COMMITTED: Progress = {
  persisted: () => Promise.reject(notCommitted()),
  synced: () => Promise.reject(notCommitted())
}

const notCommitted = (): KalamError =>
  new KalamError('invalid', 'not_committed', 'the write is part of a transaction: ask what db.transaction() gives')

/** The last statement's result. @internal */
export function lastOf<D>(results: readonly D[]): D {
  const last = results.at(-1)
  if (last === undefined) throw new KalamError('invalid', 'empty_query', 'the text has no statement')
  return last
}
