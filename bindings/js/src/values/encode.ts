/**
 * Parameters as bytes. For each a kind and its value, little-endian: 0 NULL · 1 false · 2 true · 3 BIGINT (8) · 4 DOUBLE (8)
 * · 5 TEXT (varint length) · 6 BYTES (varint length) · 7 TIMESTAMP (8, µs).
 *
 * @module
 */
import { KalamError } from '../errors.js'

/** A value of a JSON column: what `JSON.stringify` takes. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/**
 * What a statement takes as a parameter. Safe integers become BIGINT and other numbers DOUBLE, a `Date` a TIMESTAMP, bytes
 * BYTES, and arrays and plain objects the text of their JSON. The column that a value meets decides its type in the end.
 */
export type Value =
  null | boolean | number | bigint | string | Date | ArrayBuffer | ArrayBufferView | readonly unknown[] | object

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n
/** Parameters share memory up to this size: many small buffers are slow to make and to collect. */
const CHUNK_BYTES = 1 << 16

const utf8 = new TextEncoder()

/** Writes the parameters of one statement after another. @internal */
export class ParameterWriter {
  #bytes = new Uint8Array()
  #view = new DataView(this.#bytes.buffer)
  /** Where the statement's parameters begin, and where they end so far. */
  #start = 0
  #length = 0

  /**
   * The bytes of a statement's parameters. They are never written to again.
   *
   * @throws KalamError `invalid`/`bad_parameter` that names the position, from 1.
   */
  encode(values: readonly unknown[]): Uint8Array {
    this.#length = this.#start
    for (let at = 0; at < values.length; at++) this.#value(values[at], at + 1)
    const encoded = this.#bytes.subarray(this.#start, this.#length)
    this.#start = this.#length
    return encoded
  }

  #value(value: unknown, position: number): void {
    switch (typeof value) {
      case 'string':
        return this.#text(value, position)
      case 'number':
        return Number.isSafeInteger(value) ? this.#integer(3, value) : this.#double(value)
      case 'boolean':
        return this.#byte(value ? 2 : 1)
      case 'bigint':
        if (value < INT64_MIN || value > INT64_MAX)
          throw bad(position, `the bigint ${value} does not fit 64 bits: pass it as text for a DECIMAL`)
        return this.#int64(3, value)
      case 'object':
        return value === null ? this.#byte(0) : this.#object(value, position)
      case 'undefined':
        throw bad(position, 'is undefined: pass null for NULL')
      default:
        throw bad(position, `is a ${typeof value}, which is no value of SQL`)
    }
  }

  #object(value: object, position: number): void {
    if (value instanceof Date) {
      const time = value.getTime()
      if (Number.isNaN(time))
        throw bad(position, 'is a Date that is no time: it was made from text that does not parse')
      const micros = time * 1000
      return Number.isSafeInteger(micros) ? this.#integer(7, micros) : this.#int64(7, BigInt(time) * 1000n)
    }
    if (value instanceof ArrayBuffer) return this.#blob(new Uint8Array(value))
    if (ArrayBuffer.isView(value)) return this.#blob(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
    this.#text(jsonText(value, position), position)
  }

  #text(text: string, position: number): void {
    if (text.length < 128 && this.#ascii(text)) return
    if (!isWellFormed(text)) throw bad(position, 'is text with half of a surrogate pair, which UTF-8 cannot hold')
    // Three bytes per UTF-16 unit are enough; the length before them is written once it is known.
    const most = text.length * 3
    this.#reserve(1 + 5 + most)
    this.#bytes[this.#length++] = 5
    const { written } = utf8.encodeInto(text, this.#bytes.subarray(this.#length + 5))
    const from = this.#length + 5
    this.#varint(written)
    this.#bytes.copyWithin(this.#length, from, from + written)
    this.#length += written
  }

  /** Writes a short text of ASCII, for which a call of the browser takes longer than its characters; if it is one. */
  #ascii(text: string): boolean {
    this.#reserve(2 + text.length)
    const bytes = this.#bytes
    let at = this.#length
    bytes[at++] = 5
    bytes[at++] = text.length
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index)
      if (code >= 0x80) return false
      bytes[at++] = code
    }
    this.#length = at
    return true
  }

  #blob(bytes: Uint8Array): void {
    this.#reserve(1 + 5 + bytes.length)
    this.#bytes[this.#length++] = 6
    this.#varint(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #byte(kind: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = kind
  }

  /** As {@link ParameterWriter.#int64}, without making a bigint. */
  #integer(kind: number, value: number): void {
    this.#reserve(9)
    this.#bytes[this.#length] = kind
    const high = Math.floor(value / 0x1_0000_0000)
    this.#view.setUint32(this.#length + 1, value - high * 0x1_0000_0000, true)
    this.#view.setInt32(this.#length + 5, high, true)
    this.#length += 9
  }

  #int64(kind: number, value: bigint): void {
    this.#reserve(9)
    this.#bytes[this.#length] = kind
    this.#view.setBigInt64(this.#length + 1, value, true)
    this.#length += 9
  }

  #double(value: number): void {
    this.#reserve(9)
    this.#bytes[this.#length] = 4
    this.#view.setFloat64(this.#length + 1, value, true)
    this.#length += 9
  }

  #varint(value: number): void {
    while (value >= 0x80) {
      this.#bytes[this.#length++] = (value & 0x7f) | 0x80
      value >>>= 7
    }
    this.#bytes[this.#length++] = value
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const written = this.#bytes.subarray(this.#start, this.#length)
    const size = written.length + more
    this.#bytes = new Uint8Array(size <= CHUNK_BYTES / 2 ? CHUNK_BYTES : 2 * size)
    this.#bytes.set(written)
    this.#view = new DataView(this.#bytes.buffer)
    this.#start = 0
    this.#length = written.length
  }
}

/** The parameters of one statement. @internal */
export function encodeParameters(values: readonly unknown[]): Uint8Array {
  return new ParameterWriter().encode(values)
}

const latin = new TextDecoder('latin1')

/** Equal for statements of equal text and parameters. @internal */
export function statementKey({ text, values }: { readonly text: string; readonly values: readonly unknown[] }): string {
  return `${text}\0${latin.decode(encodeParameters(values))}`
}

/** The JSON text of an array or object. @internal */
export function jsonText(value: unknown, position: number): string {
  if (typeof value === 'object' && value !== null && !isData(value)) {
    throw bad(
      position,
      `is a ${value.constructor.name}, which is no value of SQL: pass text, bytes, a Date, or a plain object for a JSON column`
    )
  }
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause)
    throw new KalamError('invalid', 'bad_parameter', `parameter ${position} cannot be written as JSON: ${why}`, {
      cause
    })
  }
  if (text === undefined) throw bad(position, 'cannot be written as JSON')
  return text
}

/** Arrays, plain objects of any realm, and what says itself how to be JSON. */
function isData(value: object): boolean {
  if (Array.isArray(value) || typeof (value as { toJSON?: unknown }).toJSON === 'function') return true
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

const LONE_SURROGATE = /\p{Surrogate}/u

function isWellFormed(text: string): boolean {
  const native = (text as { isWellFormed?: () => boolean }).isWellFormed
  return native === undefined ? !LONE_SURROGATE.test(text) : native.call(text)
}

function bad(position: number, why: string): KalamError {
  const message = why.startsWith('the ') ? `parameter ${position}: ${why}` : `parameter ${position} ${why}`
  return new KalamError('invalid', 'bad_parameter', message)
}
