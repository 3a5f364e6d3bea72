/** Values of every type, from JavaScript to the disk and back. */
import { beforeEach, expect, it } from 'vitest'
import type { Tab } from './support/tab.js'
import { useWorld } from './support/world.js'

const world = useWorld()
let tab: Tab

const TABLE = `
  CREATE NAMESPACE IF NOT EXISTS app;
  CREATE USER TABLE IF NOT EXISTS app.v (id INT PRIMARY KEY, yes BOOLEAN, small SMALLINT, medium INT, big BIGINT, real_ REAL,
    double_ DOUBLE, money DECIMAL(20,4), text_ TEXT, bytes_ BYTES, day DATE, time_ TIME, at TIMESTAMP, uuid_ UUID, json_ JSON,
    likes COUNTER)`
const COLUMNS = [
  'yes',
  'small',
  'medium',
  'big',
  'real_',
  'double_',
  'money',
  'text_',
  'bytes_',
  'day',
  'time_',
  'at',
  'uuid_',
  'json_',
  'likes'
]
const INSERT = `INSERT INTO app.v (id, ${COLUMNS.join(', ')}) VALUES ($1, ${COLUMNS.map((_, at) => `$${at + 2}`).join(', ')})`

beforeEach(async () => {
  tab = await world.tab()
  await tab.open({ name: 'values' })
  await tab.query(TABLE)
})

const full = {
  yes: true,
  small: -32_768,
  medium: 2_147_483_647,
  big: 9_223_372_036_854_775_807n,
  real_: 1.5,
  double_: 0.1,
  money: '1234567890123456.7890',
  text_: 'ä € 😀 \u0000 "quoted"',
  bytes_: Uint8Array.of(0, 1, 254, 255),
  day: '2024-02-29',
  time_: '12:30:00',
  at: new Date('2024-02-29T12:30:00.123Z'),
  uuid_: '0190b2c4-0000-7000-8000-000000000001',
  json_: { a: [1, null, 'ä'], b: { c: true } },
  likes: 7
}
const low = {
  yes: false,
  small: 32_767,
  medium: -2_147_483_648,
  big: -9_223_372_036_854_775_808n,
  real_: -1.25,
  double_: -1.7976931348623157e308,
  money: '-0.0001',
  text_: '',
  bytes_: new Uint8Array(),
  day: '0001-01-01',
  time_: '00:00:00',
  at: new Date('1969-12-31T23:59:59.999Z'),
  uuid_: '00000000-0000-0000-0000-000000000000',
  json_: [],
  likes: -9
}

it('come back as they were, also after a reload', async () => {
  await tab.write(INSERT, [1, ...Object.values(full)])
  await tab.write(INSERT, [2, ...Object.values(low)])
  for (const times of ['at once', 'after a reload']) {
    const rows = await tab.query(`SELECT ${COLUMNS.join(', ')} FROM app.v ORDER BY id`)
    expect(rows, times).toEqual([full, low])
    await tab.reload()
    await tab.open({ name: 'values' })
  }
})

it('come from the query module as from the small engine', async () => {
  await tab.write(INSERT, [1, ...Object.values(full)])
  await tab.write(INSERT, [2, ...Object.values(low)])
  const rows = await tab.query(
    `SELECT ${COLUMNS.map((name) => `a.${name}`).join(', ')} FROM app.v AS a JOIN app.v AS b ON a.id = b.id ORDER BY a.id`
  )
  expect(rows).toEqual([full, low])
  expect(await tab.run(({ db }) => db.modules.length)).toBe(2)
})

it('may be NULL, but for counters', async () => {
  await tab.write('INSERT INTO app.v (id) VALUES (1)')
  const expected = { ...Object.fromEntries(COLUMNS.map((name) => [name, null])), likes: 0 }
  expect(await tab.query(`SELECT ${COLUMNS.join(', ')} FROM app.v`)).toEqual([expected])
  await tab.write(INSERT, [2, ...COLUMNS.map((name) => (name === 'likes' ? 0 : null))])
  expect(await tab.query(`SELECT ${COLUMNS.join(', ')} FROM app.v WHERE id = 2`)).toEqual([expected])
  // JSON knows a null of its own.
  await tab.write("UPDATE app.v SET json_ = 'null' WHERE id = 1")
  expect(await tab.query('SELECT json_ IS NULL AS isnull, json_ FROM app.v WHERE id = 1')).toEqual([
    { isnull: false, json_: null }
  ])
})

it('are numbers where they count', async () => {
  await tab.write('INSERT INTO app.v (id, big) VALUES (1, 5), (2, 6)')
  await tab.write('UPDATE app.v SET likes = likes + 2 WHERE id = 1')
  expect(await tab.query('SELECT count(*) AS n, count(big) AS m FROM app.v')).toEqual([{ n: 2, m: 2 }])
  expect(await tab.query('SELECT likes, big FROM app.v ORDER BY id')).toEqual([
    { likes: 2, big: 5n },
    { likes: 0, big: 6n }
  ])
  expect(await tab.query('SELECT count(*) AS n FROM app.v AS a JOIN app.v AS b ON a.id = b.id')).toEqual([{ n: 2 }])
})

it('keep microseconds as ISO text', async () => {
  await tab.write("INSERT INTO app.v (id, at) VALUES (1, '2024-02-29 12:30:00.123456')")
  await tab.run(({ db }) => db.close())
  await tab.open({ name: 'values', timestamps: 'iso' })
  expect(await tab.query('SELECT at FROM app.v')).toEqual([{ at: '2024-02-29T12:30:00.123456Z' }])
  // What came as text goes as text.
  await tab.write("INSERT INTO app.v (id, at) VALUES (2, '2024-02-29T12:30:00.123456Z')")
  expect(await tab.query('SELECT count(*) AS n FROM app.v WHERE at = $1', ['2024-02-29T12:30:00.123456Z'])).toEqual([
    { n: 2 }
  ])
})

it('of BIGINT are numbers by the schema, and refused beyond what a number holds', async () => {
  const read = await tab.run(async ({ kalam }) => {
    const { defineSchema, open, t } = kalam
    const schema = defineSchema('app', { numbers: { id: t.int().primaryKey(), n: t.bigint({ as: 'number' }) } })
    const db = await open({ name: 'as-numbers', schema })
    await db.tables.numbers.insert([
      { id: 1, n: 2 ** 53 - 1 },
      { id: 2, n: -5 }
    ])
    const rows = [...(await db.sql`SELECT n FROM app.numbers ORDER BY id`)]
    await db.query('INSERT INTO app.numbers VALUES (3, 9007199254740993)')
    const beyond = await db.tables.numbers.get(3).then(String, (error: { kind: string; message: string }) => error.kind)
    return { rows, beyond }
  })
  expect(read).toEqual({ rows: [{ n: 2 ** 53 - 1 }, { n: -5 }], beyond: 'invalid' })
})

it('that do not fit are refused, with the column or the place', async () => {
  const wrong = async (column: string, value: unknown): Promise<{ kind?: string; message: string }> =>
    tab.query(`INSERT INTO app.v (id, ${column}) VALUES (9, $1)`, [value]).then(
      () => ({ message: 'taken' }),
      (error: { kind?: string; message: string }) => error
    )
  for (const [column, value] of [
    ['small', 40_000],
    ['medium', 2 ** 31],
    ['medium', 1.5],
    ['medium', 'seven'],
    ['big', '9223372036854775808'],
    ['money', '12345678901234567890.1'],
    ['day', '2023-02-29'],
    ['time_', '25:00:00'],
    ['at', 'yesterday'],
    ['uuid_', 'no uuid'],
    ['json_', '{'],
    ['yes', 'perhaps']
  ] as const) {
    const error = await wrong(column, value)
    expect(error, `${column} ${value}`).toMatchObject({ kind: 'invalid' })
    expect(error.message, `${column} ${value}`).toContain(column)
  }
  expect(await tab.query('SELECT id FROM app.v')).toEqual([])
  const page = await tab.run(async ({ db }) => {
    const told: string[] = []
    for (const value of [undefined, Symbol('x'), () => 1, new Date('never'), 2n ** 63n, '\ud800']) {
      try {
        await db.query('SELECT id FROM app.v WHERE text_ = $1', [value])
        told.push('taken')
      } catch (error) {
        told.push((error as { code: string }).code)
      }
    }
    return told
  })
  expect(page).toEqual(Array(6).fill('bad_parameter'))
})
