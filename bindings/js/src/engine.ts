/**
 * What the WebAssembly modules offer. The worker owns the only engine of a database.
 *
 * @module
 */
import type { ErrorKind, RejectedWrite } from './errors.js'

/** Where the connection to the server stands. */
export type SyncState = 'offline' | 'connecting' | 'snapshot' | 'catching_up' | 'live' | 'waiting' | 'blocked'

/** How much of a commit is on disk before it counts as persisted. */
export type Durability = 'strict' | 'relaxed'

/** @internal */
export interface EngineStatus {
  readonly state: SyncState
  readonly blocks?: number
  readonly blocks_total?: number
  readonly until?: number
  readonly error?: { readonly kind: ErrorKind; readonly code: string; readonly message: string }
  readonly synced: boolean
  readonly held: boolean
  readonly pending: number
  readonly rejected: number
  readonly device: string
  readonly user?: string
  readonly epoch: string
  readonly seq: number
  readonly updated: number
  readonly last_mutation: number
  readonly persisted_mutation: number
  readonly storage: 'indexeddb' | 'memory'
  readonly bytes: number
}

/** What the engine asks of the worker. @internal */
export interface EngineCallbacks {
  changed(): void
  token(): Promise<string>
  query(request: Uint8Array): Promise<Uint8Array>
  failed(error: unknown): void
}

/** @internal */
export interface EngineOptions {
  readonly name?: string
  readonly user?: string
  readonly durability?: Durability
}

/** Which own transactions the server has decided. @internal */
export interface Decided {
  /** The identity under which they are numbered. */
  readonly device: string
  /** The first one that waits, or the next one if none does. */
  readonly first: number
  /** How many stand in the list of rejected writes. */
  readonly rejected: number
}

/** @internal */
export interface Engine {
  /** Says whose rows they are, unless that is known. */
  claim(user: string): void
  session(): Session
  status(): EngineStatus
  rejected(): RejectedWrite[]
  dismiss(number: number): void
  decided(): Decided
  start(url: string): void
  stop(): void
  probe(): void
  persisted(): Promise<void>
  /** As `persisted`, but what follows closely may be written together. */
  settled(): Promise<void>
  live(sql: string, params: Uint8Array): Live
  close(): Promise<void>
}

/** @internal */
export interface Session {
  /**
   * `request` names the execution, which commits once. `at` is when it was called; generated values follow from `seed`, or from
   * `request`, so that they are the same when it is run again.
   */
  execute(
    sql: string,
    params: Uint8Array,
    request?: Uint8Array,
    at?: number,
    seed?: Uint8Array
  ): Uint8Array | Promise<Uint8Array>
  /** As `execute`, for a text of the open transaction: all of it or nothing, and no BEGIN, COMMIT or ROLLBACK. */
  step(sql: string, params: Uint8Array, at: number, seed: Uint8Array): Uint8Array | Promise<Uint8Array>
  readonly in_transaction: boolean
  free(): void
}

/** @internal */
export interface Live {
  rows(): Uint8Array
  changes(): Uint8Array | undefined
  free(): void
}

/** The small engine, ready to open databases. @internal */
export interface EngineModule {
  readonly Engine: {
    open(options: EngineOptions, callbacks: EngineCallbacks): Promise<Engine>
    delete(name: string): Promise<void>
  }
}

/** DataFusion, for what the small engine cannot answer. @internal */
export interface QueryModule {
  run(request: Uint8Array): Promise<Uint8Array>
  to_arrow(results: Uint8Array): Uint8Array
}

/** What of the package has been loaded. */
export interface ModuleInfo {
  /** `engine` comes with the database, `query` with the first query that needs it. */
  readonly name: 'engine' | 'query'
  /** The size of the WebAssembly, in bytes; 0 if the browser does not say. */
  readonly bytes: number
  /** Milliseconds to fetch and compile it. */
  readonly ms: number
}
