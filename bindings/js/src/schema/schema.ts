import { KalamError } from '../errors.js'
import { ColumnBuilder, type ColumnSpec, type Input, type TimestampValue, type TraitsOf } from './column.js'
import { sql } from '../sql.js'
import { t } from './types.js'

/** The columns of a table by name. */
export type Columns = Readonly<Record<string, ColumnBuilder>>
/** The tables of a schema by name. */
export type Tables = Readonly<Record<string, Columns>>

/** How TIMESTAMP values come: as `Date`, or as ISO text with microseconds. */
export type Timestamps = 'date' | 'iso'

type Pretty<T> = { [K in keyof T]: T[K] } & {}

type KeyNames<C extends Columns> = { [K in keyof C]: TraitsOf<C[K]>['key'] extends true ? K : never }[keyof C]
type CounterNames<C extends Columns> = { [K in keyof C]: TraitsOf<C[K]>['counter'] extends true ? K : never }[keyof C]
type HasKey<C extends Columns> = [KeyNames<C>] extends [never] ? false : true

type Output<C, S extends Timestamps> = TraitsOf<C>['value'] extends TimestampValue
  ? S extends 'iso'
    ? string
    : Date
  : TraitsOf<C>['value']
type Nullable<C, V> = TraitsOf<C>['nullable'] extends true ? V | null : V
type OptionalNames<C extends Columns> = {
  [K in keyof C]: TraitsOf<C[K]>['optional'] extends true ? K : TraitsOf<C[K]>['nullable'] extends true ? K : never
}[keyof C]
type Written<C> = Nullable<C, Input<TraitsOf<C>>>
/** A table without a primary key has the column `id`, a new UUID for each row. */
type ImplicitId<C extends Columns, T> = HasKey<C> extends true ? unknown : T

/** A row of a table as queries give it. */
export type SelectRow<C extends Columns, S extends Timestamps = 'date'> = Pretty<
  ImplicitId<C, { id: string }> & { [K in keyof C]: Nullable<C[K], Output<C[K], S>> }
>

/** A row of a table as `insert` takes it: what has a default or may be NULL can be left out. */
export type InsertRow<C extends Columns> = Pretty<
  ImplicitId<C, { id?: string }> & { [K in Exclude<keyof C, OptionalNames<C>>]: Written<C[K]> } & {
    [K in OptionalNames<C>]?: Written<C[K]>
  }
>

/** What `update` takes: any columns outside the primary key. */
export type UpdateRow<C extends Columns> = Pretty<{ [K in Exclude<keyof C, KeyNames<C>>]?: Written<C[K]> }>

/** The counters of a table, for `add`. */
export type CounterDeltas<C extends Columns> = Pretty<{ [K in CounterNames<C>]?: number | bigint }>

type KeyColumns<C extends Columns> =
  HasKey<C> extends true ? Pretty<{ [K in KeyNames<C>]: Input<TraitsOf<C[K]>> }> : { id: string }
type Single<T, K extends keyof T = keyof T> = K extends unknown ? ([keyof T] extends [K] ? T[K] : never) : never

/** A key: the value of a single key column, an object with all of them, or their values in order. */
export type Key<C extends Columns> =
  KeyColumns<C> | Single<KeyColumns<C>> | readonly KeyColumns<C>[keyof KeyColumns<C>][]

/** A table of a schema at run time. @internal */
export interface TableSpec {
  readonly namespace: string
  readonly name: string
  /** With the `id` of a table that declares no key. */
  readonly columns: ReadonlyMap<string, ColumnSpec>
  readonly key: readonly string[]
}

/**
 * Tables and the types of their rows; {@link defineSchema} makes it.
 *
 * @typeParam T - the tables
 */
export class Schema<T extends Tables = Tables> {
  /** The namespace of the tables. */
  readonly namespace: string
  /** @internal */
  readonly specs: ReadonlyMap<string, TableSpec>
  /** Only for types: the tables. */
  declare readonly '~tables': T

  /** @internal */
  constructor(namespace: string, specs: ReadonlyMap<string, TableSpec>) {
    this.namespace = namespace
    this.specs = specs
  }
}

/** A row of table `N` of a schema: `RowOf<typeof schema, 'notes'>`. */
export type RowOf<S extends Schema, N extends keyof S['~tables'], M extends Timestamps = 'date'> = SelectRow<
  S['~tables'][N],
  M
>
/** A row of table `N` as `insert` takes it. */
export type InsertOf<S extends Schema, N extends keyof S['~tables']> = InsertRow<S['~tables'][N]>

const NAME = /^[a-z][a-z0-9_]*$/
/** Characters of a name of the catalog, all of them ASCII. */
const NAME_CHARACTERS_MAX = 63

/**
 * Declares tables. `open({ schema })` creates what is not there, adds new columns to tables that no server has, and types
 * `db.tables`. It does not open with a table that has another primary key, another type of a column, or NULL where the schema says
 * NOT NULL. It does not compare DEFAULT and CHECK, columns that the schema does not have, and NOT NULL where the schema allows
 * NULL: the table then refuses a row that `insert` takes by its type.
 *
 * ```ts
 * import { defineSchema, open, sql, t } from 'kalamdb'
 *
 * const schema = defineSchema('app', {
 *   notes: {
 *     id: t.uuid().primaryKey().default(sql`UUID_V7()`),
 *     title: t.text().notNull(),
 *     stars: t.int().check('stars >= 0'),
 *     likes: t.counter()
 *   }
 * })
 * const db = await open({ name: 'notes', storage: 'memory', schema })
 * await db.tables.notes.insert({ title: 'typed' })
 * ```
 *
 * @throws KalamError `invalid`/`bad_schema` that names what is wrong
 */
export function defineSchema<const N extends string, T extends Tables>(namespace: N, tables: T): Schema<T> {
  checkName('namespace', namespace)
  const specs = new Map<string, TableSpec>()
  const numbers = new Map<string, { table: string; asNumber: boolean }>()
  for (const [name, columns] of Object.entries(tables)) {
    checkName('table', name)
    const spec = tableSpec(namespace, name, columns)
    specs.set(name, spec)
    checkNumbers(spec, numbers)
  }
  return new Schema<T>(namespace, specs)
}

function tableSpec(namespace: string, name: string, columns: Columns): TableSpec {
  const specs = new Map<string, ColumnSpec>()
  for (const [column, builder] of Object.entries(columns)) {
    checkName('column', column)
    if (!(builder instanceof ColumnBuilder))
      throw bad(`column \`${name}.${column}\` is not made with t, as t.text() is`)
    specs.set(column, builder.spec)
  }
  const key = [...specs].filter(([, spec]) => spec.isKey).map(([column]) => column)
  if (key.length > 0) return { namespace, name, columns: specs, key }
  if (specs.has('id'))
    throw bad(
      `table \`${name}\` has a column \`id\` and no primary key: write .primaryKey() behind it, or give it another name`
    )
  return {
    namespace,
    name,
    columns: new Map([
      [
        'id',
        t
          .uuid()
          .primaryKey()
          .default(sql`UUID_V7()`).spec
      ],
      ...specs
    ]),
    key: ['id']
  }
}

/** Results name columns and not tables, so that a name is a number everywhere or nowhere. */
function checkNumbers({ name, columns }: TableSpec, seen: Map<string, { table: string; asNumber: boolean }>): void {
  for (const [column, { type, asNumber: isDeclared }] of columns) {
    // Expressions see a COUNTER as a BIGINT.
    if (type !== 'BIGINT' && type !== 'COUNTER') continue
    const asNumber = isDeclared || type === 'COUNTER'
    const other = seen.get(column)
    if (other !== undefined && other.asNumber !== asNumber) {
      throw bad(
        `column \`${column}\` is a number in one of the tables \`${other.table}\` and \`${name}\` and a bigint in the other: results tell columns by name, so that both must be alike`
      )
    }
    seen.set(column, { table: name, asNumber })
  }
}

function checkName(what: string, name: string): void {
  if (typeof name !== 'string' || !NAME.test(name) || name.length > NAME_CHARACTERS_MAX) {
    throw bad(
      `the ${what} name ${JSON.stringify(name)} is not [a-z][a-z0-9_]*, at most ${NAME_CHARACTERS_MAX} characters`
    )
  }
}

const bad = (message: string): KalamError => new KalamError('invalid', 'bad_schema', message)
