/** What a page sees that opens a database for the first time, and when it comes again. */
import { describe, expect, it } from 'vitest'
import { useWorld } from './support/world.js'

const world = useWorld()

describe('a first visit', () => {
  it('opens, creates the schema, writes and reads', async () => {
    const tab = await world.tab()
    const seen = await tab.run(async (api) => {
      const { defineSchema, open, sql, t } = api.kalam
      const schema = defineSchema('app', {
        notes: {
          id: t
            .uuid()
            .primaryKey()
            .default(sql`UUID_V7()`),
          title: t.text().notNull(),
          stars: t.int(),
          likes: t.counter()
        }
      })
      const db = await open({ name: 'notes', schema })
      api.db = db
      const write = await db.tables.notes.insert({ title: 'written without a network', stars: 5 })
      await write.persisted()
      const [row] = await db.sql<{
        id: string
        title: string
        likes: number
      }>`SELECT * FROM app.notes WHERE stars >= ${3}`
      const got = await db.tables.notes.get(row?.id as string)
      return {
        row,
        got,
        storage: db.storage.mode,
        durability: db.storage.durability,
        role: db.tabs.role,
        modules: db.modules.map(({ name }) => name),
        state: db.sync.status.state
      }
    })
    expect(seen).toMatchObject({
      row: { title: 'written without a network', stars: 5, likes: 0 },
      storage: 'indexeddb',
      durability: 'strict',
      role: 'leader',
      modules: ['engine'],
      state: 'offline'
    })
    expect(seen.got).toEqual(seen.row)
    expect(tab.problems).toEqual([])
  })

  it('of a page that comes again finds the rows', async () => {
    const tab = await world.tab()
    await tab.open({ name: 'again' })
    await tab.query('CREATE NAMESPACE app')
    await tab.query('CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT)')
    await tab.write("INSERT INTO app.notes VALUES (1, 'one'), (2, 'two')")
    const rows = await tab.query('SELECT * FROM app.notes ORDER BY id')
    await tab.reload()
    await tab.open({ name: 'again' })
    expect(await tab.query('SELECT * FROM app.notes ORDER BY id')).toEqual(rows)
    expect(rows).toEqual([
      { id: 1, title: 'one' },
      { id: 2, title: 'two' }
    ])
  })

  it('leaves other databases of the origin alone', async () => {
    const tab = await world.tab()
    const tables = await tab.run(async ({ kalam }) => {
      const names = ['one', 'two']
      const found: unknown[][] = []
      for (const name of names) {
        const db = await kalam.open({ name })
        await db.query('CREATE NAMESPACE app')
        await db.query(`CREATE USER TABLE app.of_${name} (id INT PRIMARY KEY)`)
        found.push([...(await db.query('SHOW TABLES IN app'))])
        await db.close()
      }
      return found
    })
    expect(tables.map((rows) => rows.length)).toEqual([1, 1])
  })
})
