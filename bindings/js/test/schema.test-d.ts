import { expectTypeOf, test } from 'vitest'
import { type Database, defineSchema, type InsertOf, open, type RowOf, sql, t } from '../src/index.js'

const schema = defineSchema('app', {
  notes: {
    id: t
      .uuid()
      .primaryKey()
      .default(sql`UUID_V7()`),
    title: t.text().notNull(),
    stars: t.int(),
    big: t.bigint().notNull(),
    small: t.bigint({ as: 'number' }),
    data: t.json<{ a: number }>().notNull(),
    written: t
      .timestamp()
      .notNull()
      .default(sql`NOW()`),
    likes: t.counter()
  },
  people: { city: t.text().primaryKey(), number: t.int().primaryKey(), born: t.date() },
  plain: { text: t.text() }
})

type Schema = typeof schema
type Open = Awaited<ReturnType<typeof opened>>
const opened = () => open({ name: 'x', schema })

test('rows have the types of their columns', () => {
  expectTypeOf<RowOf<Schema, 'notes'>>().toEqualTypeOf<{
    id: string
    title: string
    stars: number | null
    big: bigint
    small: number | null
    data: { a: number }
    written: Date
    likes: number
  }>()
  expectTypeOf<RowOf<Schema, 'notes', 'iso'>['written']>().toEqualTypeOf<string>()
  expectTypeOf<RowOf<Schema, 'plain'>>().toEqualTypeOf<{ id: string; text: string | null }>()
})

test('insert leaves out what has a default or may be NULL', () => {
  expectTypeOf<InsertOf<Schema, 'notes'>>().toEqualTypeOf<{
    title: string
    big: bigint
    data: { a: number }
    id?: string
    stars?: number | null
    small?: number | null
    written?: Date | string
    likes?: number
  }>()
  expectTypeOf<InsertOf<Schema, 'plain'>>().toEqualTypeOf<{ id?: string; text?: string | null }>()
})

test('tables take keys by value, by name and in order', () => {
  expectTypeOf<Open>().toEqualTypeOf<Database<Schema['~tables'], 'date'>>()
  const check = (db: Open): void => {
    void db.tables.notes.get('id')
    void db.tables.notes.get({ id: 'id' })
    void db.tables.people.get({ city: 'paris', number: 1 })
    void db.tables.people.get(['paris', 1])
    // @ts-expect-error one value is no key of two columns
    void db.tables.people.get('paris')
    // @ts-expect-error no such table
    void db.tables.none
    // @ts-expect-error key columns are never updated
    void db.tables.notes.update('id', { id: 'other' })
    // @ts-expect-error only counters are added to
    void db.tables.notes.add('id', { stars: 1 })
    void db.tables.notes.add('id', { likes: 1 })
    // @ts-expect-error a title is never NULL
    void db.tables.notes.insert({ title: null, big: 1n, data: { a: 1 } })
    // @ts-expect-error a title has to be there
    void db.tables.notes.insert({ big: 1n, data: { a: 1 } })
    void db.transaction((tx) => tx.tables.notes.insert([{ title: 'x', big: 1n, data: { a: 1 } }]))
  }
  expectTypeOf(check).toBeFunction()
})

test('queries have the rows that they are told', () => {
  const check = async (db: Database): Promise<void> => {
    expectTypeOf(await db.sql<{ n: number }>`SELECT 1 AS n`).toMatchTypeOf<{ n: number }[]>()
    expectTypeOf(await db.sql<{ n: number }>`SELECT 1 AS n`.first()).toEqualTypeOf<{ n: number } | undefined>()
    expectTypeOf(db.sql<{ n: number }>`SELECT 1 AS n`.live().getSnapshot().rows).toEqualTypeOf<
      readonly { n: number }[]
    >()
  }
  expectTypeOf(check).toBeFunction()
})

test('defaults have the type of their column', () => {
  t.int().default(1)
  // @ts-expect-error text is no INT
  t.int().default('1')
})
