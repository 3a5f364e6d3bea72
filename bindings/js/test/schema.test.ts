import { describe, expect, it } from 'vitest'
import { defineSchema, type KalamError, schemaStatements, sql, t } from '../src/index.js'
import type { FakeEngine } from './support/engine.js'
import { World } from './support/world.js'

const bad = expect.objectContaining({ kind: 'invalid', code: 'bad_schema' })
const kv = defineSchema('app', { kv: { k: t.text().primaryKey(), v: t.int() } })

describe('a schema', () => {
  it('is written as SQL', () => {
    const schema = defineSchema('app', {
      notes: {
        id: t
          .uuid()
          .primaryKey()
          .default(sql`UUID_V7()`),
        title: t.text().notNull().default("it's"),
        stars: t.int().check('stars >= 0'),
        price: t.decimal(8, 2).default('0'),
        flags: t.bytes().default(Uint8Array.of(0, 255)),
        day: t.date().default('2024-02-29'),
        written: t.timestamp().default(new Date(1_000)),
        data: t.json<{ a: number }>().default({ a: 1 }),
        done: t.boolean().default(false),
        big: t.bigint().default(5n),
        likes: t.counter()
      },
      people: { city: t.text().primaryKey(), name: t.text().primaryKey(), born: t.date() },
      plain: { text: t.text() }
    })
    expect(schemaStatements(schema)).toEqual([
      'CREATE NAMESPACE IF NOT EXISTS "app"',
      `CREATE USER TABLE IF NOT EXISTS "app"."notes" (
  "id" UUID DEFAULT UUID_V7(),
  "title" TEXT NOT NULL DEFAULT 'it''s',
  "stars" INT CHECK (stars >= 0),
  "price" DECIMAL(8,2) DEFAULT '0',
  "flags" BYTES DEFAULT X'00ff',
  "day" DATE DEFAULT '2024-02-29',
  "written" TIMESTAMP DEFAULT '1970-01-01T00:00:01.000000Z',
  "data" JSON DEFAULT '{"a":1}',
  "done" BOOLEAN DEFAULT FALSE,
  "big" BIGINT DEFAULT 5,
  "likes" COUNTER,
  PRIMARY KEY ("id")
)`,
      `CREATE USER TABLE IF NOT EXISTS "app"."people" (
  "city" TEXT,
  "name" TEXT,
  "born" DATE,
  PRIMARY KEY ("city", "name")
)`,
      `CREATE USER TABLE IF NOT EXISTS "app"."plain" (
  "id" UUID DEFAULT UUID_V7(),
  "text" TEXT,
  PRIMARY KEY ("id")
)`
    ])
  })

  it('that makes no sense is refused', () => {
    expect(() => defineSchema('App', {})).toThrow(bad)
    expect(() => defineSchema('app', { 'my-table': {} })).toThrow('table name "my-table"')
    expect(() => defineSchema('app', { x: { A: t.int() } })).toThrow('column name "A"')
    expect(() => defineSchema('app', { ['x'.repeat(64)]: {} })).toThrow(bad)
    expect(() => defineSchema('app', { x: { a: 'TEXT' as never } })).toThrow('is not made with t')
    expect(() => defineSchema('app', { x: { id: t.int() } })).toThrow('has a column `id` and no primary key')
    expect(() => t.decimal(39)).toThrow(bad)
    expect(() => t.decimal(2, 3)).toThrow(bad)
    expect(() => t.counter().primaryKey()).toThrow(bad)
    expect(() => t.int().default(sql`${1}`)).toThrow('takes no parameters')
    expect(() => t.double().default(Number.NaN)).toThrow(bad)
    expect(() => defineSchema('app', { a: { n: t.bigint() }, b: { n: t.bigint({ as: 'number' }) } })).toThrow(
      'column `n` is a number in one of the tables `a` and `b`'
    )
  })

  it('is applied at open, with its new columns', async () => {
    const world = new World()
    const wider = defineSchema('app', {
      kv: { k: t.text().primaryKey(), v: t.int(), w: t.text().notNull().default('x') }
    })
    const db = await world.open({ schema: wider })
    expect(world.engine.texts.filter((text) => text.startsWith('ALTER'))).toEqual([
      `ALTER TABLE app.kv ADD COLUMN IF NOT EXISTS w TEXT NOT NULL DEFAULT 'x'`
    ])
    await db.close()
  })

  it('waits for a column until the server has told of it, and compares it', async () => {
    const sync = { url: 'https://db.example.com', token: 'secret' }
    const wider = defineSchema('app', { kv: { k: t.text().primaryKey(), v: t.int(), w: t.text() } })
    const outcome = async (hear: (engine: FakeEngine) => void): Promise<unknown> => {
      const world = new World()
      world.onEngine = (engine) => (engine.refusesAlter = true)
      const opening = world.open({ schema: wider, sync })
      let isOver = false
      const told = opening
        .then(
          (db) => db.close().then(() => 'opened'),
          (error: Error) => error.message
        )
        .finally(() => (isOver = true))
      await world.settle()
      await world.advance(500)
      expect(isOver).toBe(false)
      hear(world.engine)
      await world.advance(500)
      return told
    }
    const live = (...column: [string, string, null]) =>
      outcome((engine) => {
        engine.description.push(column)
        engine.become('live')
      })
    expect(await live('w', 'TEXT', null)).toBe('opened')
    expect(await live('w', 'INT', null)).toContain('column `w` is INT, the schema says TEXT')
    expect(await live('x', 'TEXT', null)).toContain('an administrator adds it on the server')
    expect(await outcome((engine) => engine.become('blocked'))).toContain('an administrator adds it on the server')
  })

  it('that differs from the database keeps it from opening, and says where', async () => {
    const world = new World()
    const mismatch = { kind: 'invalid', code: 'schema_mismatch' }
    const typed = defineSchema('app', { kv: { k: t.text().primaryKey(), v: t.text() } })
    await expect(world.open({ schema: typed })).rejects.toMatchObject({
      ...mismatch,
      message: 'table `app.kv` differs from the schema: column `v` is INT, the schema says TEXT'
    })
    const keyed = defineSchema('app', { kv: { v: t.int().primaryKey(), k: t.text() } })
    await expect(world.open({ schema: keyed })).rejects.toMatchObject({
      ...mismatch,
      message: expect.stringContaining('its primary key is (k), the schema says (v)') as string
    })
    expect(world.workers.every((worker) => worker.isGone)).toBe(true)
    const filled = defineSchema('app', { kv: { k: t.text().primaryKey(), v: t.int().notNull() } })
    await expect(world.open({ schema: filled })).rejects.toMatchObject({
      ...mismatch,
      message: 'table `app.kv` differs from the schema: column `v` may be NULL, the schema says NOT NULL'
    })
    const checked = defineSchema('app', { kv: { k: t.text().primaryKey(), v: t.int(), w: t.text().check("w <> ''") } })
    await expect(world.open({ schema: checked })).rejects.toMatchObject({
      ...mismatch,
      message: expect.stringContaining('one with a CHECK cannot be added') as string
    })
    const wider = defineSchema('app', { kv: { k: t.text().primaryKey(), v: t.int(), w: t.text() } })
    world.onEngine = (engine) => (engine.refusesAlter = true)
    await expect(world.open({ schema: wider })).rejects.toMatchObject({
      ...mismatch,
      message: expect.stringContaining('adds it on the server with `ALTER TABLE') as string
    })
  })
})

describe('tables', () => {
  it('insert, get, update, add and delete with few texts', async () => {
    const world = new World()
    const counted = defineSchema('app', { kv: { k: t.text().primaryKey(), v: t.counter() } })
    world.onEngine = (engine) =>
      (engine.description = [
        ['k', 'TEXT', 1],
        ['v', 'COUNTER', null]
      ])
    const db = await world.open({ schema: counted })
    const { kv } = db.tables
    const write = await kv.insert({ v: 1, k: 'a' })
    expect(write.affected).toBe(1)
    await write.persisted()
    expect(await kv.get('a')).toEqual({ k: 'a', v: 1 })
    expect(await kv.get({ k: 'a' })).toEqual({ k: 'a', v: 1 })
    expect(await kv.get(['a'])).toEqual({ k: 'a', v: 1 })
    expect(await kv.get('b')).toBeUndefined()
    expect((await kv.update('a', { v: 5 })).affected).toBe(1)
    expect((await kv.add('a', { v: 3 })).affected).toBe(1)
    expect((await kv.add('b', { v: 3 })).affected).toBe(0)
    expect(await kv.get('a')).toEqual({ k: 'a', v: 8 })
    expect((await kv.delete('a')).affected).toBe(1)
    expect(world.engine.texts.slice(-1)).toEqual(['DELETE FROM app.kv WHERE k = $1'])
    await db.close()
  })

  it('insert many rows at once, all or none', async () => {
    const world = new World()
    const db = await world.open({ schema: kv })
    const rows = Array.from({ length: 1_000 }, (_, at) => ({ k: `k${at}`, v: at }))
    const write = await db.tables.kv.insert(rows)
    expect(write.affected).toBe(1_000)
    await write.persisted()
    expect(Object.keys(world.disks.rows('db')).length).toBe(1_000)
    expect(world.disks.disk('db').commits.length).toBe(1)
    const texts = world.engine.texts.filter((text) => text.startsWith('INSERT'))
    expect(new Set(texts).size).toBeLessThanOrEqual(5)
    expect(Math.max(...texts.map((text) => text.length))).toBeLessThan(8_192)
    const clash = [...Array.from({ length: 200 }, (_, at) => ({ k: `n${at}`, v: at })), { k: 'k0', v: 0 }]
    await expect(db.tables.kv.insert(clash)).rejects.toMatchObject({ code: 'duplicate_key' })
    await db.persisted()
    expect(Object.keys(world.disks.rows('db')).length).toBe(1_000)
    expect((await db.tables.kv.insert([])).affected).toBe(0)
    await db.close()
  })

  it('name the row if it is refused for what it is', async () => {
    const world = new World()
    const json = defineSchema('app', { kv: { k: t.text().primaryKey(), v: t.json<unknown>() } })
    world.onEngine = (engine) =>
      (engine.description = [
        ['k', 'TEXT', 1],
        ['v', 'JSON', null]
      ])
    const db = await world.open({ schema: json })
    const { kv } = db.tables
    await kv.insert({ k: 'a', v: 1 })
    const failed = (rows: { k: string; v?: unknown }[]): Promise<KalamError> =>
      kv.insert(rows as never).then(
        () => expect.fail('it was taken'),
        (error: KalamError) => error
      )
    const rows = [{ k: 'b' }, { k: 'a', v: 1 }]
    expect(await failed(rows)).toMatchObject({ code: 'duplicate_key', message: 'row 2: the key a exists' })
    const circle: unknown[] = []
    circle.push(circle)
    const { message, cause } = await failed([{ k: 'b', v: circle }])
    expect(message).toMatch(/^table `app.kv`: column `v` cannot be written as JSON: .*circular/)
    expect(cause).toBeInstanceOf(TypeError)
    world.engine.isTableGone = true
    expect(await failed(rows)).toMatchObject({ code: 'unknown_table', message: 'table `app.kv` does not exist' })
    await db.close()
  })

  it('take part in transactions', async () => {
    const world = new World()
    const db = await world.open({ schema: kv })
    const { value } = await db.transaction(async (tx) => {
      const write = await tx.tables.kv.insert([
        { k: 'a', v: 1 },
        { k: 'b', v: 2 }
      ])
      await expect(write.persisted()).rejects.toMatchObject({ code: 'not_committed' })
      await tx.tables.kv.delete('a')
      return write.affected
    })
    expect(value).toBe(2)
    expect(await db.query('SELECT k, v')).toEqual([{ k: 'b', v: 2 }])
    await db.close()
  })

  it('refuse what is no row and no key', async () => {
    const db = await new World().open({ schema: kv })
    const table = db.tables.kv
    await expect(table.insert({ k: 'a', x: 1 } as never)).rejects.toMatchObject({
      code: 'unknown_column',
      message: expect.stringContaining('`x`') as string
    })
    await expect(table.insert('a' as never)).rejects.toMatchObject({ code: 'bad_row' })
    await expect(table.update('a', {})).rejects.toMatchObject({ code: 'nothing_to_change' })
    await expect(table.get({} as never)).rejects.toMatchObject({ code: 'bad_key' })
    await expect(table.get(['a', 'b'] as never)).rejects.toMatchObject({ code: 'bad_key' })
    await expect(table.get(undefined as never)).rejects.toMatchObject({ code: 'bad_key' })
    await expect(table.add('a', { v: 1 } as never)).rejects.toMatchObject({ code: 'wrong_type' })
    await expect(table.insert({ k: 'a', v: Symbol('x') as never })).rejects.toMatchObject({ code: 'bad_parameter' })
    await db.close()
  })
})
