/**
 * Packed results as columns and rows. `packed.rs` of the engine describes the bytes.
 *
 * @module
 */
import { KalamError } from '../errors.js'
import { type ColumnType, type Cursor, cutLatin, readValues, typeName, type ValueOptions } from './columns.js'

/** A column of a result. */
export interface Column {
  /** Its name, as the query gives it. */
  readonly name: string
  /** The type of its values. */
  readonly type: ColumnType
}

/** The answer to one statement. @internal */
export interface Decoded {
  /** What ran: `SELECT`, `INSERT`, … */
  readonly tag: string
  /** Rows inserted, changed or deleted. */
  readonly affected: number
  /** The device's number of the transaction; 0 if the statement committed none. */
  readonly mutation: number
  readonly columns: readonly Column[]
  readonly rows: Record<string, unknown>[]
}

/** Work that can be interrupted wherever it yields. @internal */
export type Steps<T> = Generator<undefined, T, undefined>

/** Rows that are read in one step. @internal */
export const STEP_ROWS = 1_024

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** @internal */
export const PLAIN_VALUES: ValueOptions = { timestamps: 'date', numbers: new Set() }

/** Decodes the results of a text's statements, in order. @internal */
export function decodeResults(bytes: Uint8Array, options: ValueOptions): Decoded[] {
  return readResults({ bytes, at: 0 }, options)
}

/** The heads of results: what ran and what it committed, without any values. @internal */
export function decodeHeads(bytes: Uint8Array): { tag: string; mutation: number }[] {
  const cursor = { bytes, at: 0 }
  const count = readU32(cursor)
  const heads: { tag: string; mutation: number }[] = []
  while (heads.length < count) {
    const { tag, mutation, columns, rows } = readHead(cursor)
    heads.push({ tag, mutation })
    // Values have to be passed over only if another result stands behind them.
    if (heads.length < count) for (let column = 0; column < columns; column++) readColumn(cursor, rows, PLAIN_VALUES)
  }
  return heads
}

/** The device's numbers of the transactions that statements committed. @internal */
export function decodeMutations(bytes: Uint8Array): number[] {
  return decodeHeads(bytes).flatMap(({ mutation }) => (mutation > 0 ? [mutation] : []))
}

/** @internal */
export function readResults(cursor: Cursor, options: ValueOptions): Decoded[] {
  const results: Decoded[] = []
  for (let left = readU32(cursor); left > 0; left--) results.push(readResult(cursor, options))
  return results
}

function readResult(cursor: Cursor, options: ValueOptions): Decoded {
  return allSteps(resultInSteps(cursor, options))
}

/** Does steps without a pause. @internal */
export function allSteps<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** Reads a result in steps: a column of it, or so many rows. @internal */
export function* resultInSteps(cursor: Cursor, options: ValueOptions): Steps<Decoded> {
  const head = readHead(cursor)
  const columns: ColumnOfValues[] = []
  while (columns.length < head.columns) {
    columns.push(readColumn(cursor, head.rows, options))
    // What is small is read at once.
    if (head.rows >= STEP_ROWS) yield
  }
  const rows = yield* rowObjects(columns, head.rows)
  const { tag, affected, mutation } = head
  return { tag, affected, mutation, columns: columns.map(({ name, type }) => ({ name, type })), rows }
}

interface ColumnOfValues extends Column {
  readonly values: readonly unknown[]
}

function readColumn(cursor: Cursor, rows: number, options: ValueOptions): ColumnOfValues {
  const name = readText(cursor)
  const code = readByte(cursor)
  const type = typeName(code)
  const scale = type === 'DECIMAL' ? readByte(cursor) : 0
  return { name, type, values: readValues(cursor, code, scale, name, rows, options) }
}

function readHead(cursor: Cursor): { tag: string; affected: number; mutation: number; columns: number; rows: number } {
  return {
    tag: readText(cursor),
    affected: readDouble(cursor),
    mutation: readDouble(cursor),
    columns: readU32(cursor),
    rows: readU32(cursor)
  }
}

/** Rows as copies of one object, so that all have the same shape and engines read them fast. */
function* rowObjects(columns: readonly ColumnOfValues[], count: number): Steps<Record<string, unknown>[]> {
  const shape: Record<string, unknown> = {}
  for (const { name } of columns) {
    if (Object.hasOwn(shape, name)) {
      throw new KalamError(
        'invalid',
        'duplicate_column',
        `two columns of the result are named \`${name}\`: name one of them with AS`
      )
    }
    // Not by assignment: a column may be named `__proto__`.
    Object.defineProperty(shape, name, { value: null, writable: true, enumerable: true, configurable: true })
  }
  const rows = new Array<Record<string, unknown>>(count)
  for (let from = 0; from < count; from += STEP_ROWS) {
    const to = Math.min(count, from + STEP_ROWS)
    for (let row = from; row < to; row++) rows[row] = { ...shape }
    for (const { name, values } of columns) {
      for (let row = from; row < to; row++) (rows[row] as Record<string, unknown>)[name] = values[row]
    }
    if (to < count) yield
  }
  return rows
}

/** @internal */
export function readU32(cursor: Cursor): number {
  const { bytes, at } = cursor
  need(cursor, 4)
  cursor.at += 4
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  )
}

/** @internal */
export function readByte(cursor: Cursor): number {
  need(cursor, 1)
  return cursor.bytes[cursor.at++] as number
}

/** @internal */
export function readKey(cursor: Cursor): string {
  const length = readU32(cursor)
  need(cursor, length)
  cursor.at += length
  return cutLatin(cursor.bytes.subarray(cursor.at - length, cursor.at), Uint32Array.of(length))[0] as string
}

function readDouble(cursor: Cursor): number {
  need(cursor, 8)
  for (let byte = 0; byte < 8; byte++) scratchBytes[byte] = cursor.bytes[cursor.at++] as number
  return scratch[0] as number
}

// One double, where it is aligned.
const scratch = new Float64Array(1)
const scratchBytes = new Uint8Array(scratch.buffer)
/** Text so short that a decoder's call would cost more than its characters. */
const SHORT_BYTES_MAX = 24

/** @internal */
export function readText(cursor: Cursor): string {
  const length = readU32(cursor)
  need(cursor, length)
  const { bytes, at } = cursor
  cursor.at += length
  if (length <= SHORT_BYTES_MAX) {
    let text = ''
    for (let byte = at; byte < cursor.at && (bytes[byte] as number) < 0x80; byte++)
      text += String.fromCharCode(bytes[byte] as number)
    if (text.length === length) return text
  }
  return utf8.decode(bytes.subarray(at, cursor.at))
}

function need({ bytes, at }: Cursor, length: number): void {
  if (at + length > bytes.length) {
    throw new KalamError(
      'internal',
      'broken_result',
      `a result of ${bytes.length} bytes ends too early: the files of kalamdb are of different versions`
    )
  }
}
