/** A schema against the tables that are there, and rows by the schema. */
import { beforeEach, expect, it } from 'vitest'
import { useServer } from './support/server.js'
import { failure, type Tab } from './support/tab.js'
import { useWorld } from './support/world.js'

const world = useWorld()
const server = useServer()
let tab: Tab

beforeEach(async () => {
  tab = await world.tab()
})

it('that differs from a table is told column by column, and nothing is lost', async () => {
  await tab.open({ name: 'differs' }, 'CREATE NAMESPACE app')
  await tab.query('CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT, stars INT)')
  await tab.write("INSERT INTO app.notes VALUES (1, 'kept', 5)")
  await tab.run(({ db }) => db.close())
  const told = await tab.run(async ({ kalam }) => {
    const { defineSchema, open, t } = kalam
    const id = t.int().primaryKey()
    const schemas = [
      { id: t.int(), title: t.text().primaryKey() },
      { id, title: t.int() },
      { id, title: t.text().notNull() },
      { id, stars: t.int(), likes: t.int().check('likes >= 0') },
      { id, title: t.text(), added: t.text().notNull() }
    ].map((notes) => defineSchema('app', { notes }))
    const outcomes: string[] = []
    for (const schema of schemas) {
      outcomes.push(
        await open({ name: 'differs', schema }).then(
          () => 'opened',
          (error: { code: string; message: string }) => `${error.code}: ${error.message}`
        )
      )
    }
    return outcomes
  })
  expect(told).toEqual([
    expect.stringMatching(/^schema_mismatch: .*app\.notes.*primary key is \(id\), the schema says \(title\)/),
    expect.stringMatching(/^schema_mismatch: .*`title` is TEXT, the schema says INT/),
    expect.stringMatching(/^schema_mismatch: .*`title` may be NULL, the schema says NOT NULL/),
    expect.stringMatching(/^schema_mismatch: .*`likes`.*CHECK/),
    expect.stringMatching(/^schema_mismatch: .*`added`/)
  ])
  const wider = await tab.run(async ({ kalam }) => {
    const { defineSchema, open, t } = kalam
    const notes = { id: t.int().primaryKey(), title: t.text(), done: t.boolean().notNull().default(false) }
    const db = await open({ name: 'differs', schema: defineSchema('app', { notes }) })
    return [await db.tables.notes.get(1), ...(await db.sql`SELECT stars FROM app.notes`)]
  })
  expect(wider).toEqual([{ id: 1, title: 'kept', done: false }, { stars: 5 }])
})

it("that has more than the server's table says what to run there", async () => {
  await server.sql('CREATE NAMESPACE IF NOT EXISTS app')
  await server.sql('CREATE USER TABLE app.narrow (id INT PRIMARY KEY)')
  await tab.open({ name: 'narrow', sync: server.sync() })
  await tab.synced()
  await tab.run(({ db }) => db.close())
  const open = (): Promise<unknown> =>
    tab.run(async ({ kalam }, sync) => {
      const { defineSchema, open, t } = kalam
      const narrow = { id: t.int().primaryKey(), title: t.text() }
      const db = await open({ name: 'narrow', sync, schema: defineSchema('app', { narrow }) })
      await (await db.tables.narrow.insert({ id: 1, title: 'first' })).synced()
      await db.close()
      return 'written'
    }, server.sync())
  const told = await failure(open())
  expect(told).toMatchObject({ kind: 'invalid', code: 'schema_mismatch' })
  const [, advice] = /an administrator adds it on the server with `(.*)`$/.exec(told.message) ?? []
  expect(advice, told.message).toBeDefined()
  await server.sql(String(advice))
  // The device hears of it while it opens.
  expect(await open()).toBe('written')
})

it('fills rows that give nothing, each of them', async () => {
  const made = await tab.run(async ({ kalam }) => {
    const { defineSchema, open, sql, t } = kalam
    const defaults = {
      id: t
        .uuid()
        .primaryKey()
        .default(sql`UUID_V7()`),
      n: t.int().default(7)
    }
    const db = await open({ name: 'defaults', storage: 'memory', schema: defineSchema('app', { defaults }) })
    const { affected } = await db.tables.defaults.insert([{}, {}, { n: 1 }, {}])
    return {
      affected,
      rows: (await db.query<{ n: number }>('SELECT n FROM app.defaults ORDER BY n')).map(({ n }) => n)
    }
  })
  expect(made).toEqual({ affected: 4, rows: [1, 7, 7, 7] })
})

it('of many rows names the row that is refused, by its place among all', async () => {
  const told = await tab.run(async ({ kalam }) => {
    const { defineSchema, open, t } = kalam
    const schema = defineSchema('app', { numbers: { id: t.int().primaryKey(), n: t.int() } })
    const db = await open({ name: 'many', storage: 'memory', schema })
    const messages: string[] = []
    const wrong = async (at: number, row: object, insert = db.tables.numbers.insert.bind(db.tables.numbers)) => {
      const rows: { id: number; n?: number }[] = Array.from({ length: 1_001 }, (_, id) => ({ id: id + 1, n: id }))
      rows[at - 1] = { ...(rows[at - 1] as { id: number }), ...row }
      await insert(rows).then(
        () => messages.push('taken'),
        (error: { code: string; message: string }) => messages.push(`${error.code}: ${error.message}`)
      )
    }
    await wrong(3, { id: 1 })
    await wrong(700, { n: 2 ** 40 })
    await wrong(1_001, { id: 1_000 })
    await wrong(800, { n: (() => 1) as unknown as number })
    await db
      .transaction(async (tx) => wrong(555, { id: 1 }, tx.tables.numbers.insert.bind(tx.tables.numbers)))
      .catch((error: { kind: string; code: string }) => messages.push(`${error.kind}/${error.code}`))
    return { messages, rows: (await db.query('SELECT id FROM app.numbers')).length }
  })
  expect(told.messages).toEqual([
    expect.stringMatching(/^duplicate_key: row 3: /),
    expect.stringMatching(/row 700: .*`n`/),
    expect.stringMatching(/^duplicate_key: row 1001: /),
    expect.stringMatching(/^bad_parameter: row 800: column `n` is a function/),
    expect.stringMatching(/^duplicate_key: row 555: /),
    // Those before it took effect in the transaction, whose function goes on all the same.
    'conflict/transaction_spoiled'
  ])
  expect(told.rows).toBe(0)
})
