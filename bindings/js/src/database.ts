import type { Client } from './client/client.js'
import type { Events } from './client/events.js'
import type { ModuleInfo } from './engine.js'
import type { KalamError } from './errors.js'
import { LiveQuery } from './live/query.js'
import { LiveRegistry } from './live/registry.js'
import { type LiveSink, LiveSource } from './live/source.js'
import { Query, type Runner, statementOf } from './query.js'
import { Result } from './result.js'
import type { Schema, Tables, Timestamps } from './schema/schema.js'
import { type Row, type Statement, template } from './sql.js'
import { Storage } from './storage.js'
import { Sync } from './sync.js'
import { type TablesOf, tablesOf } from './tables.js'
import { type Committed, lastOf, transact, type Transaction } from './transaction.js'
import { statementKey } from './values/encode.js'

/** Where this tab stands among those that have the database open. */
export interface Tabs {
  /** The leader has the engine in its worker; followers ask it. */
  readonly role: 'leader' | 'follower'
  /** The tab's random name. */
  readonly id: string
}

/** What `db.signOut` takes. */
export interface SignOutOptions {
  /** Also loses what the server does not have yet. */
  readonly discard?: boolean
}

/**
 * An open database; {@link open} gives it.
 *
 * @typeParam T - the tables of the schema
 * @typeParam S - how TIMESTAMP values come
 */
export class Database<T extends Tables = Tables, S extends Timestamps = 'date'> {
  /** The database's name; none in memory. */
  readonly name: string | undefined
  /** The tables of the schema. */
  readonly tables: TablesOf<T, S>
  /** The connection to the server. */
  readonly sync: Sync
  /** Where the rows are kept. */
  readonly storage: Storage
  readonly #client: Client
  readonly #specs: Schema['specs']
  readonly #lives = new LiveRegistry()

  /** @internal */
  constructor(client: Client, name: string | undefined, schema: Schema | undefined, url: string | undefined) {
    this.#client = client
    this.name = name
    this.#specs = schema?.specs ?? new Map()
    this.sync = new Sync(client, url)
    this.storage = new Storage(client)
    this.tables = tablesOf(this.#specs, {
      one: async (statement) => {
        const result = await this.#run<Record<string, unknown>>(statement)
        return { rows: result, write: result }
      },
      all: async (statements) => (await client.script(statements)).progress,
      echo: (edit) => this.#lives.echo(edit)
    })
  }

  /**
   * Why nothing can be asked of it any more, as after {@link Database.close}, after a sign-out in another tab, or when its worker
   * has crashed too often: open it again. Undefined while it can be read, also if its store has failed and takes no write.
   */
  get ended(): KalamError | undefined {
    return this.#client.ended
  }

  /** This tab among others. */
  get tabs(): Tabs {
    return { role: this.#client.role, id: this.#client.tab }
  }

  /** The WebAssembly that is loaded so far. */
  get modules(): readonly ModuleInfo[] {
    return this.#client.modules
  }

  /** A statement, written as a template: values become parameters, and fragments are put in. */
  sql<R = Row>(strings: TemplateStringsArray, ...values: unknown[]): Query<R> {
    return new Query<R>(this.#runner, template(strings, values))
  }

  /**
   * A statement with `$1`, `$2`, … or `?` for parameters. Of several each commits by itself, and those before one that fails stay,
   * unless the text has BEGIN … COMMIT.
   */
  query<R = Row>(text: string, values: readonly unknown[] = []): Query<R> {
    return new Query<R>(this.#runner, statementOf(text, values))
  }

  /**
   * Runs `work` in a transaction and commits what it wrote. If it throws, nothing stays. It runs again, at most eight times in all, if
   * others changed a row that it writes or the tab that held the database went: it should do nothing but ask and write.
   *
   * ```ts
   * import { open } from 'kalamdb'
   *
   * const db = await open({ name: 'transactions', storage: 'memory' })
   * await db.query('CREATE NAMESPACE app')
   * await db.query('CREATE USER TABLE app.accounts (name TEXT PRIMARY KEY, amount INT NOT NULL)')
   * const { value, persisted } = await db.transaction(async (tx) => {
   *   await tx.sql`INSERT INTO app.accounts (name, amount) VALUES (${'ada'}, ${10})`
   *   return (await tx.sql<{ amount: number }>`SELECT amount FROM app.accounts`.first())?.amount
   * })
   * await persisted()
   * console.log(value)
   * ```
   *
   * @throws KalamError `retry`/`transaction_given_up` after the last run, and whatever `work` throws
   */
  transaction<V>(
    work: (tx: Transaction<T, S>) => V | PromiseLike<V>,
    options: { readonly signal?: AbortSignal } = {}
  ): Promise<Committed<V>> {
    return transact<T, S, V>(this.#client, this.#specs, work, options.signal)
  }

  /** Resolves once everything that was written before is on disk. */
  async persisted(): Promise<void> {
    await this.#client.ask({ op: 'persisted' })
  }

  /** Fetches the query module before a query needs it, so that it is there offline. */
  async loadQueryModule(): Promise<void> {
    await this.#client.ask({ op: 'load' })
  }

  /**
   * Calls `listener` when something happens to the database: see {@link Events}. Gives what ends that.
   */
  on<K extends keyof Events>(event: K, listener: (value: Events[K]) => void): () => void {
    return this.#client.events.on(event, listener)
  }

  /**
   * Waits until what was written is on disk, at most ten seconds, and closes. Other tabs go on. It does not fail if a write
   * cannot be stored: {@link Database.persisted} tells that.
   */
  close(): Promise<void> {
    return this.#client.close()
  }

  /**
   * Wipes the local database and closes it, in all tabs.
   *
   * @throws KalamError `conflict`/`unsynced_writes` while writes wait for the server, unless they may be discarded
   */
  async signOut({ discard = false }: SignOutOptions = {}): Promise<void> {
    await this.#client.signOut(discard)
  }

  get #runner(): Runner {
    return {
      run: (statement) => this.#run(statement),
      arrow: (statement) => this.#client.arrow(statement),
      live: (statement, signal) => this.#live(statement, signal)
    }
  }

  async #run<R>(statement: Statement): Promise<Result<R>> {
    const { results, progress } = await this.#client.execute(statement)
    return new Result<R>(lastOf(results), progress)
  }

  #live<R>({ text, values }: Statement, signal?: AbortSignal): LiveQuery<R> {
    const key = statementKey({ text, values })
    const open = (sink: LiveSink): (() => void) => this.#client.live({ text, values }, sink)
    return new LiveQuery<R>(
      this.#lives.source(key, () => new LiveSource<R>(open, this.#client.values)),
      signal
    )
  }
}
