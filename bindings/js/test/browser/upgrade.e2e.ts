/**
 * Databases that earlier versions have stored: `golden/` has one of each layout. `KALAMDB_GOLDEN=write` writes the newest one
 * anew, which is right only for a layout that nobody has yet.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { useServer } from './support/server.js'
import { restore, type Stored, stored } from './support/stored.js'
import { until } from './support/until.js'
import { useWorld } from './support/world.js'

const world = useWorld()
const server = useServer()

/** The newest layout. */
const NEWEST = 1
const file = (layout: number): URL => new URL(`golden/layout-${layout}.json`, import.meta.url)

const TABLES = `CREATE NAMESPACE IF NOT EXISTS app;
  CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT NOT NULL, at TIMESTAMP, price DECIMAL(8,2), data JSON, raw BYTES, done BOOLEAN, likes COUNTER);
  CREATE INDEX titles ON app.notes (title)`
const ROWS = [
  { id: 1, title: 'first', price: '1.50', data: { a: [1, null] }, done: true, likes: 1_200 },
  { id: 2, title: 'ünï 😀', price: null, data: null, done: null, likes: 0 },
  { id: 4, title: 'not sent', price: null, data: null, done: null, likes: 0 }
]

/** A device that has synced, has compacted its log, and has a write that was not sent. */
async function write(): Promise<void> {
  const tab = await world.tab()
  await tab.open({ name: 'golden', sync: server.sync() }, TABLES)
  await tab.write(`INSERT INTO app.notes (id, title, at, price, data, raw, done)
    VALUES (1, 'first', '2024-02-29T12:00:00Z', 1.5, '{"a": [1, null]}', X'00ff', TRUE)`)
  await tab.write("INSERT INTO app.notes (id, title) VALUES (2, 'ünï 😀'), (3, 'gone')")
  for (let at = 0; at < 1_200; at++) await tab.write('UPDATE app.notes SET likes = likes + 1 WHERE id = 1')
  await tab.write('DELETE FROM app.notes WHERE id = 3')
  await tab.synced()
  await tab.run(({ db }) => db.sync.stop())
  await tab.write("INSERT INTO app.notes (id, title) VALUES (4, 'not sent')")
  await tab.run(({ db }) => db.close())
  writeFileSync(file(NEWEST), `${JSON.stringify(await stored(tab, 'golden'), undefined, 1)}\n`)
}

it('knows the layout that is written now', async () => {
  if (process.env.KALAMDB_GOLDEN === 'write') await write()
  const tab = await world.tab()
  await tab.open({ name: 'new' }, TABLES)
  await tab.run(({ db }) => db.close())
  expect((await stored(tab, 'new')).version).toBe(NEWEST)
  expect(existsSync(file(NEWEST + 1))).toBe(false)
})

it.each(Array.from({ length: NEWEST }, (_, at) => at + 1))('opens layout %d with all that is in it', async (layout) => {
  const tab = await world.tab()
  const golden = JSON.parse(readFileSync(file(layout), 'utf8')) as Stored
  expect(golden.stores.pages?.length).toBeGreaterThan(0)
  await restore(tab, 'old', golden)
  await tab.open({ name: 'old' })
  const read = () => tab.query('SELECT id, title, price, data, done, likes FROM app.notes ORDER BY id')
  expect(await read()).toEqual(ROWS)
  expect(await tab.query("SELECT id FROM app.notes WHERE title = 'ünï 😀'")).toEqual([{ id: 2 }])
  expect(await tab.run(({ db }) => db.query('SELECT at, raw FROM app.notes WHERE id = 1').first().then((row) => JSON.stringify(row)))).toBe('{"at":"2024-02-29T12:00:00.000Z","raw":{"0":0,"1":255}}') // prettier-ignore
  expect(await tab.run(({ db }) => db.sync.status.pending)).toBe(1)
  await tab.write("UPDATE app.notes SET likes = likes + 1, title = 'changed' WHERE id = 4")
  await tab.reload()
  await tab.open({ name: 'old' })
  await until('both writes wait to be sent', () => tab.run(({ db }) => db.sync.status.pending === 2))
  expect(await read()).toEqual([...ROWS.slice(0, 2), { ...ROWS[2], title: 'changed', likes: 1 }])
})
