import { KalamError } from '../errors.js'
import { Fragment } from '../sql.js'
import type { ColumnType } from '../values/columns.js'
import { day, stampText } from '../values/text.js'

/** Stands for the values of a TIMESTAMP, which are a `Date` or, with `open({ timestamps: 'iso' })`, ISO text. */
export interface TimestampValue {
  readonly '~timestamp': true
}

/** What is known of a column at compile time. */
export interface ColumnTraits {
  /** The values, apart from NULL. */
  value: unknown
  /** Whether NULL is among them. */
  nullable: boolean
  /** Whether INSERT may leave it out. */
  optional: boolean
  /** Whether it is part of the primary key. */
  key: boolean
  /** Whether it is a COUNTER. */
  counter: boolean
}

/** Traits with some of them changed. */
export type With<T extends ColumnTraits, U extends Partial<ColumnTraits>> = Omit<T, keyof U> & U extends infer V extends
  ColumnTraits
  ? V
  : never

/** What a column is at run time. @internal */
export interface ColumnSpec {
  readonly type: ColumnType
  /** The type as SQL writes it. */
  readonly sqlType: string
  readonly isKey: boolean
  readonly isNotNull: boolean
  /** The default as SQL. */
  readonly fallback?: string
  readonly check?: string
  /** Whether BIGINT is given as a number. */
  readonly asNumber: boolean
}

declare const TRAITS: unique symbol

/**
 * A column of a schema; each method gives a new one.
 *
 * @typeParam T - what its values are
 */
export class ColumnBuilder<T extends ColumnTraits = ColumnTraits> {
  /** @internal */
  readonly spec: ColumnSpec
  declare readonly [TRAITS]: T

  /** @internal */
  constructor(spec: ColumnSpec) {
    this.spec = spec
  }

  /** Makes it the primary key, or with others together a part of it, in the order of the columns. */
  primaryKey(): ColumnBuilder<With<T, { key: true; nullable: false }>> {
    if (this.spec.type === 'JSON' || this.spec.type === 'COUNTER') {
      throw new KalamError('invalid', 'bad_schema', `a ${this.spec.type} column cannot be a primary key`)
    }
    return new ColumnBuilder({ ...this.spec, isKey: true })
  }

  /** NULL is not allowed. */
  notNull(): ColumnBuilder<With<T, { nullable: false }>> {
    return new ColumnBuilder({ ...this.spec, isNotNull: true })
  }

  /**
   * The value that INSERT gives the column when it is left out: a constant, or `NOW()`, `UUID_V7()`, `ULID()` as
   * `` sql`NOW()` ``.
   */
  default(value: Input<T> | Fragment<unknown>): ColumnBuilder<With<T, { optional: true }>> {
    return new ColumnBuilder({
      ...this.spec,
      fallback: value instanceof Fragment ? expression(value) : literal(value, this.spec.type)
    })
  }

  /**
   * A condition that each row keeps, such as `stars BETWEEN 0 AND 5`. It comes with the table: a column that has one cannot be
   * added to a table that is there.
   */
  check(condition: string | Fragment<unknown>): ColumnBuilder<T> {
    return new ColumnBuilder({ ...this.spec, check: condition instanceof Fragment ? expression(condition) : condition })
  }
}

/** The traits of a column. */
export type TraitsOf<C> = C extends { readonly [TRAITS]: infer T extends ColumnTraits } ? T : never

/** What a column takes, apart from NULL. */
export type Input<T extends ColumnTraits> = T['value'] extends TimestampValue ? Date | string : T['value']

/** DDL takes no parameters. */
function expression(fragment: Fragment<unknown>): string {
  if (fragment.values.length > 0) {
    throw new KalamError(
      'invalid',
      'bad_schema',
      `a schema takes no parameters: write the value into the text of \`${fragment.text}\``
    )
  }
  return fragment.text
}

/** A constant as SQL writes it. */
function literal(value: unknown, type: ColumnType): string {
  if (value === null) return 'NULL'
  if (type === 'JSON') return text(JSON.stringify(value))
  switch (typeof value) {
    case 'boolean':
      return value ? 'TRUE' : 'FALSE'
    case 'bigint':
      return String(value)
    case 'number':
      if (Number.isFinite(value)) return String(value)
      break
    case 'string':
      return text(value)
    case 'object':
      if (value instanceof Date && !Number.isNaN(value.getTime())) {
        return text(type === 'DATE' ? day(Math.floor(value.getTime() / 86_400_000)) : stampText(value, 0))
      }
      if (value instanceof Uint8Array)
        return `X'${Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('')}'`
  }
  throw new KalamError('invalid', 'bad_schema', `${String(value)} cannot be the default of a ${type} column`)
}

const text = (value: string): string => `'${value.replaceAll("'", "''")}'`
