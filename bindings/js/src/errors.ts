/**
 * What a caller can do about an error. The same eight kinds exist in Rust and on the wire.
 *
 * - `retry`: passing trouble, do the same again later
 * - `conflict`: the data changed in a way that refuses this write, read again and decide anew
 * - `invalid`: the request can never succeed as it stands, correct it
 * - `unauthorized`: the token or role does not allow it, sign in again
 * - `closed`: the database, query or transaction is closed, open it again
 * - `corrupt`: stored or received bytes are damaged
 * - `quota`: a limit of memory, disk or size is reached
 * - `internal`: a defect, report it with the message
 */
export type ErrorKind = 'retry' | 'conflict' | 'invalid' | 'unauthorized' | 'closed' | 'corrupt' | 'quota' | 'internal'

/** A change of a refused write. */
export interface RejectedChange {
  /** The table with its namespace. */
  readonly table: string
  /** What was to happen: `insert`, `update`, `delete`, … */
  readonly op: string
  /** The primary key, as text. */
  readonly key: string
}

/** A write that the server refused. It has left the tables and stands here until it is dismissed. */
export interface RejectedWrite {
  /** Its number in the list, for {@link Sync.dismiss}. */
  readonly number: number
  /** The device's number of the transaction. */
  readonly mutation: number
  /** The kind of the server's error. */
  readonly kind: ErrorKind
  /** The code of the server's error. */
  readonly code: string
  /** The server's message. */
  readonly message: string
  /** When it was written, in milliseconds since 1970. */
  readonly written: number
  /** What it would have changed. */
  readonly changes: readonly RejectedChange[]
}

/** An error as it crosses between threads and tabs. @internal */
export interface PlainError {
  readonly kind: ErrorKind
  readonly code: string
  readonly message: string
  readonly line?: number
  readonly column?: number
  readonly rejected?: RejectedWrite
  readonly statement?: number
}

/** What an error may carry besides kind, code and message. */
export interface KalamErrorDetails {
  /** As {@link KalamError.line}. */
  readonly line?: number
  /** As {@link KalamError.column}. */
  readonly column?: number
  /** As {@link KalamError.rejected}. */
  readonly rejected?: RejectedWrite
  /** What led to it. */
  readonly cause?: unknown
  /** As {@link KalamError.statement}. @internal */
  readonly statement?: number
}

/**
 * The one error of KalamDB.
 *
 * ```ts
 * import { KalamError, open } from 'kalamdb'
 *
 * const db = await open({ name: 'errors', storage: 'memory' })
 * try {
 *   await db.sql`SELEC 1`
 * } catch (error) {
 *   if (error instanceof KalamError) console.log(error.kind, error.code, error.line, error.column)
 * }
 * ```
 */
export class KalamError extends Error {
  /** What to do about it. */
  readonly kind: ErrorKind
  /** A stable code such as `duplicate_key`. */
  readonly code: string
  /** Where an SQL text is wrong: the line, from 1. */
  readonly line?: number
  /** Where an SQL text is wrong: the character of the line, from 1. */
  readonly column?: number
  /** The write, if the server refused one. */
  readonly rejected?: RejectedWrite
  /** Which of the statements that were given together failed, from 0. @internal */
  readonly statement?: number

  constructor(kind: ErrorKind, code: string, message: string, details: KalamErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'KalamError'
    this.kind = kind
    this.code = code
    if (details.line !== undefined) this.line = details.line
    if (details.column !== undefined) this.column = details.column
    if (details.rejected !== undefined) this.rejected = details.rejected
    if (details.statement !== undefined) this.statement = details.statement
  }
}

const KINDS: ReadonlySet<unknown> = new Set<ErrorKind>([
  'retry',
  'conflict',
  'invalid',
  'unauthorized',
  'closed',
  'corrupt',
  'quota',
  'internal'
])

/** Whether the engine threw this on purpose; anything else is a crash. @internal */
export function isKalamError(error: unknown): error is KalamError {
  if (typeof error !== 'object' || error === null) return false
  const { name, kind, code } = error as Partial<KalamError>
  return name === 'KalamError' && KINDS.has(kind) && typeof code === 'string'
}

/** Kinds of what is wrong with a statement and not with the database, whose error others are told as well. */
const OWN: ReadonlySet<ErrorKind> = new Set<ErrorKind>(['invalid', 'conflict', 'quota'])

/** Runs one of the statements that were given together. If the fault is its own, its error says which one it is. @internal */
export function asStatement<V>(statement: number, work: () => V): V {
  const failed = (error: unknown): never => {
    throw isKalamError(error) && OWN.has(error.kind) ? Object.assign(error, { statement }) : error
  }
  try {
    const value = work()
    return value instanceof Promise ? (value.catch(failed) as V) : value
  } catch (error) {
    return failed(error)
  }
}

/** The error as data, to be cloned into another thread. @internal */
export function plainError(error: unknown): PlainError {
  if (!isKalamError(error)) {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    return { kind: 'internal', code: 'unexpected', message }
  }
  const { kind, code, message, line, column, rejected, statement } = error
  return {
    kind,
    code,
    message,
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
    ...(rejected === undefined ? {} : { rejected }),
    ...(statement === undefined ? {} : { statement })
  }
}

/** The error that came from another thread. @internal */
export function kalamError(plain: PlainError): KalamError {
  return new KalamError(plain.kind, plain.code, plain.message, plain)
}

/** @internal */
export const databaseClosed = (): KalamError =>
  new KalamError('closed', 'database_closed', 'the database is closed: open it again')

/** The error for a refused write. @internal */
export function refused(rejected: RejectedWrite): KalamError {
  const { kind, code, message } = rejected
  return new KalamError(kind, code, `the server refused the write: ${message}`, { rejected })
}
