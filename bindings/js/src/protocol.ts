/**
 * What a page and the owner of its database's engine say to each other: over `postMessage` to the worker, and from there, in
 * a follower, over a BroadcastChannel to the leader.
 *
 * @module
 */
import type { Durability, EngineStatus, ModuleInfo } from './engine.js'
import type { PlainError } from './errors.js'

/** Bytes within the batch's common buffer, or large ones by themselves. */
export type Packed = readonly [from: number, to: number] | Uint8Array

/** The common buffer of a message; as a text with a character for each byte if they are few. */
export type CommonBytes = Uint8Array | string

/** A statement of a transaction; with the call that ran it before, and when, if one did. */
export interface PackedStatement {
  readonly sql: string
  readonly params: Packed
  readonly id?: number
  readonly at?: number
}

/**
 * A call. Its id is the same whenever it is sent again, so that the engine carries it out once; ids of a page ascend.
 *
 * `step` runs a statement of a transaction, the first of which begins it. `commit` ends the open transaction `session`, or runs `statements` in a transaction of its own. When it is sent `again`, it
 * may have been committed before; `replay` says that the page has counted on it since, so that it is written again as it was.
 *
 * `at` is when it was called, in milliseconds since 1970. Run again, it has the same time and generates the same values.
 */
export type Call = { readonly id: number } & (PlainCall | StatementCall)

/** A call that carries statements. */
export type StatementCall =
  | { readonly op: 'execute' | 'arrow'; readonly at: number; readonly sql: string; readonly params: Packed }
  | {
      readonly op: 'step'
      readonly at: number
      readonly session: number
      readonly begin: boolean
      readonly sql: string
      readonly params: Packed
    }
  | {
      readonly op: 'commit'
      readonly at: number
      readonly session: number
      readonly statements: readonly PackedStatement[]
      readonly again: boolean
      readonly replay: boolean
    }
  | { readonly op: 'live'; readonly live: number; readonly sql: string; readonly params: Packed }

/** A call without bytes. */
export type PlainCall =
  | { readonly op: 'persisted' | 'rejected' | 'probe' | 'load' }
  | { readonly op: 'abandon'; readonly session: number }
  | { readonly op: 'unlive'; readonly live: number }
  /** The transactions were numbered under the identity `device`. */
  | { readonly op: 'synced'; readonly device: string; readonly mutations: readonly number[] }
  | { readonly op: 'dismiss'; readonly number: number }
  /** Sent again it is still as old as it was. */
  | { readonly op: 'decide'; readonly wish: SyncWish }
  | { readonly op: 'signOut'; readonly discard: boolean }

/** Calls of one turn of a page. */
export interface Calls {
  readonly calls: readonly Call[]
  readonly bytes: CommonBytes
}

/** The answer to a call. */
export interface Reply {
  readonly id: number
  /** Packed results. */
  readonly packed?: Packed
  /** Anything else. */
  readonly value?: unknown
  /** If it committed: the number of the commit among the page's, or 0 if it is durable already. */
  readonly commit?: number
  readonly error?: PlainError
}

/** What happened to a live query: all rows, the changes since, or what ended it. */
export interface LivePatch {
  readonly live: number
  readonly rows?: Packed
  readonly changes?: Packed
  readonly error?: PlainError
}

/** Whether and where the database is kept equal; the newest decision of any tab holds. */
export interface SyncWish {
  readonly url: string | null
  /** When it was decided, in milliseconds since 1970; 0 if it came with `open`. */
  readonly at: number
}

/** What the engine's owner tells a page after one of its turns. */
export interface Answers {
  readonly replies: readonly Reply[]
  readonly patches?: readonly LivePatch[]
  readonly bytes: CommonBytes
  /** All of the page's commits up to this one are durable. */
  readonly persisted?: number
  /** Its commits will never be durable. */
  readonly unpersisted?: PlainError
  readonly status?: EngineStatus
  readonly modules?: readonly ModuleInfo[]
  readonly wish?: SyncWish
}

/** How to open the database. */
export interface OpenOptions {
  /** None for a database in memory. */
  readonly name?: string
  readonly user?: string
  readonly durability: Durability
}

/** Which page it is that attaches to an engine. */
export interface TabInfo {
  /** Random; names the tab's lock and channel. */
  readonly tab: string
  /** The first ten bytes of the ids under which its writes are known. */
  readonly prefix: Uint8Array
  /** Whose rows its application expects, if it says so. */
  readonly user?: string
  /** Whether it can be asked for a token. */
  readonly tokens: boolean
  readonly wish?: SyncWish
}

/** What a page learns when it is attached to an engine, the first time and again. */
export interface Attachment {
  readonly role: 'leader' | 'follower'
  /** Names the engine: another one has another term. */
  readonly term: string
  readonly storage: StorageInfo
  readonly status: EngineStatus
  readonly modules: readonly ModuleInfo[]
}

/** Where the rows are kept. */
export interface StorageInfo {
  readonly mode: 'indexeddb' | 'memory'
  readonly durability: Durability
  /** Why the rows are only in memory although it was not asked for. */
  readonly reason?: string
}

/** From a page to its worker. */
export type ToWorker =
  | { readonly type: 'open'; readonly options: OpenOptions; readonly info: TabInfo }
  | { readonly type: 'calls'; readonly attachment: number; readonly calls: Calls }
  | { readonly type: 'wish'; readonly wish: SyncWish }
  | { readonly type: 'token'; readonly ask: number; readonly token?: string; readonly error?: PlainError }
  | { readonly type: 'close' }

/** From a worker to its page. */
export type FromWorker =
  /** What is not answered has to be sent again, marked with this attachment's number. */
  | { readonly type: 'attached'; readonly attachment: number; readonly to: Attachment }
  /** The worker has lost its engine, as to another tab: there is none until it is attached again. */
  | { readonly type: 'detached' }
  | { readonly type: 'answers'; readonly attachment: number; readonly answers: Answers }
  | { readonly type: 'ask'; readonly ask: number }
  /** The store failed; the page is told. */
  | { readonly type: 'failed'; readonly error: PlainError }
  /** The worker is of no more use and has to be started anew. */
  | { readonly type: 'crashed'; readonly error: PlainError }
  /** The database is closed for good. */
  | { readonly type: 'ended'; readonly error: PlainError }
  | { readonly type: 'closed' }

/** Calls that a page sends at once. */
export const BATCH_CALLS_MAX = 4_096
/** Bytes of parameters that do not wait for the turn's other calls. */
export const BATCH_BYTES = 1 << 18
/** Bytes that are packed together; larger ones travel by themselves. */
export const PACKED_BYTES_MAX = 4_096
