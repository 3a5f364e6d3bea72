/**
 * Columns of packed results: how the bytes of a type become values.
 *
 * @module
 */
import { KalamError } from '../errors.js'
import { clock, day, decimal, stampText } from './text.js'

/** The type of a result's column. */
export type ColumnType =
  | 'BOOLEAN'
  | 'SMALLINT'
  | 'INT'
  | 'BIGINT'
  | 'REAL'
  | 'DOUBLE'
  | 'DECIMAL'
  | 'TEXT'
  | 'BYTES'
  | 'DATE'
  | 'TIME'
  | 'TIMESTAMP'
  | 'UUID'
  | 'JSON'
  | 'COUNTER'
  | 'DOCUMENT'

/** How an application wants values. @internal */
export interface ValueOptions {
  /** TIMESTAMP as `Date` or as ISO text with microseconds. */
  readonly timestamps: 'date' | 'iso'
  /** The names of columns whose BIGINT is a number. */
  readonly numbers: ReadonlySet<string>
}

/** A read position in packed bytes. @internal */
export interface Cursor {
  readonly bytes: Uint8Array
  at: number
}

/** Code 17 is BIGINT that the engine wants given as a number: COUNT and the like. */
const COUNT = 17

const NAMES: readonly (ColumnType | undefined)[] = [
  undefined,
  'BOOLEAN',
  'SMALLINT',
  'INT',
  'BIGINT',
  'REAL',
  'DOUBLE',
  'DECIMAL',
  'TEXT',
  'BYTES',
  'DATE',
  'TIME',
  'TIMESTAMP',
  'UUID',
  'JSON',
  'COUNTER',
  'DOCUMENT',
  'BIGINT'
]

/** @internal */
export function typeName(code: number): ColumnType {
  const name = NAMES[code]
  if (name === undefined)
    throw new KalamError(
      'internal',
      'broken_result',
      `a result has a column of the unknown type ${code}: the files of kalamdb are of different versions`
    )
  return name
}

/** Reads the values of a column behind its validity bits, NULLs as null. @internal */
export function readValues(
  cursor: Cursor,
  code: number,
  scale: number,
  name: string,
  rows: number,
  options: ValueOptions
): unknown[] {
  const bits = cursor.at
  cursor.at += (rows + 7) >> 3
  const values = readDense(cursor, code, scale, name, rows, options, isSet(cursor.bytes, bits))
  for (let row = 0; row < rows; row++) {
    if (((cursor.bytes[bits + (row >> 3)] as number) & (1 << (row & 7))) === 0) values[row] = null
  }
  return values
}

const isSet =
  (bytes: Uint8Array, bits: number) =>
  (row: number): boolean =>
    ((bytes[bits + (row >> 3)] as number) & (1 << (row & 7))) !== 0

function readDense(
  cursor: Cursor,
  code: number,
  scale: number,
  name: string,
  rows: number,
  options: ValueOptions,
  valid: (row: number) => boolean
): unknown[] {
  switch (code) {
    case 1:
      return Array.from(fixed(cursor, Uint8Array, 1, rows), (value) => value !== 0)
    case 2:
      return Array.from(fixed(cursor, Int16Array, 2, rows))
    case 3:
      return Array.from(fixed(cursor, Int32Array, 4, rows))
    case 4:
      return options.numbers.has(name)
        ? safeIntegers(cursor, name, rows)
        : Array.from(fixed(cursor, BigInt64Array, 8, rows))
    case 5:
      return Array.from(fixed(cursor, Float32Array, 4, rows), shortest)
    case 6:
      return Array.from(fixed(cursor, Float64Array, 8, rows))
    case 7:
      return decimals(cursor, scale, rows)
    case 8:
      return texts(cursor, rows)
    case 10:
      return Array.from(fixed(cursor, Int32Array, 4, rows), day)
    case 11:
      return Array.from(integers(cursor, rows), clock)
    case 12:
      return timestamps(cursor, name, rows, options)
    case 13:
      return uuids(cursor, rows)
    case 14:
      return texts(cursor, rows).map((text, row) => (valid(row) ? parseJson(text, name) : null))
    case 15:
    case COUNT:
      return safeIntegers(cursor, name, rows)
    default:
      return blobs(cursor, rows)
  }
}

interface FixedArray<T> {
  new (buffer: ArrayBuffer): T
}

/** Values of fixed size, copied to where they are aligned. WebAssembly and every browser are little-endian. */
function fixed<T>(cursor: Cursor, type: FixedArray<T>, width: number, rows: number): T {
  const start = cursor.at
  cursor.at += rows * width
  return new type(cursor.bytes.slice(start, cursor.at).buffer as ArrayBuffer)
}

/** 64-bit integers as doubles, exact as far as doubles are. */
function integers(cursor: Cursor, rows: number): number[] {
  const halves = fixed(cursor, Int32Array, 8, rows)
  const values = new Array<number>(rows)
  for (let row = 0; row < rows; row++) {
    values[row] = (halves[2 * row + 1] as number) * 0x1_0000_0000 + ((halves[2 * row] as number) >>> 0)
  }
  return values
}

function safeIntegers(cursor: Cursor, name: string, rows: number): number[] {
  const values = integers(cursor, rows)
  for (const value of values) {
    if (!Number.isSafeInteger(value)) {
      throw new KalamError(
        'invalid',
        'out_of_range',
        `a value of column \`${name}\` is beyond ±(2^53 − 1), which a number holds exactly: read it as a bigint, or CAST it to TEXT`
      )
    }
  }
  return values
}

/** The double that is written like the float, 0.1 and not 0.10000000149011612. */
function shortest(value: number): number {
  if (Number.isInteger(value) || !Number.isFinite(value)) return value
  for (let digits = 6; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return value
}

function timestamps(cursor: Cursor, name: string, rows: number, options: ValueOptions): unknown[] {
  const micros = fixed(cursor, BigInt64Array, 8, rows)
  return Array.from(micros, (value) => {
    const millis = value / 1000n - (value % 1000n < 0n ? 1n : 0n)
    const date = new Date(Number(millis))
    if (Number.isNaN(date.getTime())) {
      throw new KalamError(
        'invalid',
        'out_of_range',
        `a value of column \`${name}\` is beyond the years that a Date holds: CAST it to TEXT`
      )
    }
    return options.timestamps === 'iso' ? stampText(date, Number(value - millis * 1000n)) : date
  })
}

function decimals(cursor: Cursor, scale: number, rows: number): string[] {
  const halves = fixed(cursor, BigInt64Array, 16, rows)
  return Array.from({ length: rows }, (_, row) => {
    const low = BigInt.asUintN(64, halves[2 * row] as bigint)
    return decimal(((halves[2 * row + 1] as bigint) << 64n) | low, scale)
  })
}

/** Nothing is taken away from text, not even a byte order mark at its beginning. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const latin = new TextDecoder('latin1')

/** The text of all values is decoded at once and cut where they end, which bytes and characters count differently. */
function texts(cursor: Cursor, rows: number): string[] {
  const ends = fixed(cursor, Uint32Array, 4, rows)
  const start = cursor.at
  const size = rows === 0 ? 0 : (ends[rows - 1] as number)
  cursor.at += size
  const bytes = cursor.bytes.subarray(start, cursor.at)
  const all = utf8.decode(bytes)
  return cut(all, all.length === size ? ends : unitEnds(bytes, ends))
}

/** Where values end in UTF-16, from where they end in UTF-8. */
function unitEnds(bytes: Uint8Array, ends: Uint32Array): Uint32Array {
  const out = new Uint32Array(ends.length)
  let at = 0
  let units = 0
  for (let row = 0; row < ends.length; row++) {
    for (const end = ends[row] as number; at < end; at++) {
      const byte = bytes[at] as number
      // A sequence counts at its first byte; those of four bytes are two units.
      if ((byte & 0xc0) !== 0x80) units += byte >= 0xf0 ? 2 : 1
    }
    out[row] = units
  }
  return out
}

function cut(text: string, ends: Uint32Array): string[] {
  const values = new Array<string>(ends.length)
  let from = 0
  for (let row = 0; row < ends.length; row++) {
    const end = ends[row] as number
    values[row] = text.slice(from, end)
    from = end
  }
  return values
}

/** Byte strings behind their ends, as text of one character per byte: equal when the bytes are. @internal */
export function cutLatin(bytes: Uint8Array, ends: Uint32Array): string[] {
  return cut(latin.decode(bytes), ends)
}

function blobs(cursor: Cursor, rows: number): Uint8Array[] {
  const ends = fixed(cursor, Uint32Array, 4, rows)
  const start = cursor.at
  cursor.at += rows === 0 ? 0 : (ends[rows - 1] as number)
  return Array.from(ends, (end, row) =>
    cursor.bytes.slice(start + (row === 0 ? 0 : (ends[row - 1] as number)), start + end)
  )
}

const HEX = new TextEncoder().encode('0123456789abcdef')

function uuids(cursor: Cursor, rows: number): string[] {
  const bytes = fixed(cursor, Uint8Array, 16, rows)
  const out = new Uint8Array(rows * 36)
  let to = 0
  for (let from = 0; from < bytes.length; from++) {
    const byte = bytes[from] as number
    const within = from & 15
    if (within === 4 || within === 6 || within === 8 || within === 10) out[to++] = 0x2d
    out[to++] = HEX[byte >> 4] as number
    out[to++] = HEX[byte & 15] as number
  }
  return cut(
    latin.decode(out),
    Uint32Array.from({ length: rows }, (_, row) => (row + 1) * 36)
  )
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new KalamError('corrupt', 'broken_json', `a value of column \`${name}\` is not valid JSON`, { cause })
  }
}
