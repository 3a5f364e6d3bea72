import { KalamError } from '../errors.js'
import type { ColumnType } from '../values/columns.js'
import { ColumnBuilder, type ColumnTraits, type TimestampValue } from './column.js'

/** A column that may be NULL and has no default. */
export interface Plain<V> extends ColumnTraits {
  value: V
  nullable: true
  optional: false
  key: false
  counter: false
}

/** A COUNTER: never NULL, and 0 if INSERT leaves it out. */
export interface CounterTraits extends ColumnTraits {
  value: number
  nullable: false
  optional: true
  key: false
  counter: true
}

/** Digits that a DECIMAL may have. */
const DECIMAL_DIGITS_MAX = 38

function column<V>(type: ColumnType, sqlType: string = type, asNumber = false): ColumnBuilder<Plain<V>> {
  return new ColumnBuilder<Plain<V>>({ type, sqlType, asNumber, isKey: false, isNotNull: false })
}

function bigint(options: { as: 'number' }): ColumnBuilder<Plain<number>>
function bigint(options?: { as?: 'bigint' }): ColumnBuilder<Plain<bigint>>
function bigint(options: { as?: 'number' | 'bigint' } = {}): ColumnBuilder<Plain<never>> {
  return column('BIGINT', 'BIGINT', options.as === 'number')
}

/**
 * The types of columns.
 *
 * | here | in JavaScript |
 * |---|---|
 * | `boolean` | boolean |
 * | `smallint`, `int`, `real`, `double` | number |
 * | `bigint` | bigint, or with `{ as: 'number' }` a number |
 * | `counter` | number |
 * | `decimal(precision, scale)` | string |
 * | `text`, `uuid` | string |
 * | `bytes` | Uint8Array |
 * | `date` | string `yyyy-mm-dd` |
 * | `time` | string `hh:mm:ss` |
 * | `timestamp` | Date, or with `open({ timestamps: 'iso' })` a string |
 * | `json<T>()` | T |
 */
export const t = {
  /** TRUE or FALSE. */
  boolean: () => column<boolean>('BOOLEAN'),
  /** An integer of 16 bits. */
  smallint: () => column<number>('SMALLINT'),
  /** An integer of 32 bits. */
  int: () => column<number>('INT'),
  /**
   * An integer of 64 bits. With `{ as: 'number' }` every result column of this name is a number, and a value that a number does
   * not hold exactly is an error.
   */
  bigint,
  /** A number of 32 bits. */
  real: () => column<number>('REAL'),
  /** A number of 64 bits. */
  double: () => column<number>('DOUBLE'),
  /** A decimal number with `precision` digits, `scale` of them behind the point. */
  decimal(precision: number, scale = 0): ColumnBuilder<Plain<string>> {
    const isValid =
      Number.isInteger(precision) &&
      Number.isInteger(scale) &&
      precision >= 1 &&
      precision <= DECIMAL_DIGITS_MAX &&
      scale >= 0 &&
      scale <= precision
    if (!isValid)
      throw new KalamError(
        'invalid',
        'bad_schema',
        `DECIMAL(${precision},${scale}) does not exist: 1 to ${DECIMAL_DIGITS_MAX} digits, at most all of them behind the point`
      )
    return column<string>('DECIMAL', `DECIMAL(${precision},${scale})`)
  },
  /** Text. */
  text: () => column<string>('TEXT'),
  /** Bytes. */
  bytes: () => column<Uint8Array>('BYTES'),
  /** A day. */
  date: () => column<string>('DATE'),
  /** A time of day, to the microsecond. */
  time: () => column<string>('TIME'),
  /** A point in time, to the microsecond. */
  timestamp: () => column<TimestampValue>('TIMESTAMP'),
  /** A UUID. */
  uuid: () => column<string>('UUID'),
  /** Any JSON; `T` says which, and is not checked. */
  json: <T = unknown>() => column<T>('JSON'),
  /** A number to which concurrent additions add up. */
  counter: () =>
    new ColumnBuilder<CounterTraits>({
      type: 'COUNTER',
      sqlType: 'COUNTER',
      asNumber: false,
      isKey: false,
      isNotNull: false
    })
} as const
