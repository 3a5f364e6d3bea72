import { describe, expect, it } from 'vitest'
import { defineSchema, type LiveEvent, t } from '../src/index.js'
import { thrown } from './support/engine.js'
import { World } from './support/world.js'

interface Kv {
  readonly k: string
  readonly v: number
}

const schema = defineSchema('app', { kv: { k: t.text().primaryKey(), v: t.int() } })
const ALL = 'SELECT k, v FROM app.kv ORDER BY k'

async function live() {
  const world = new World()
  const db = await world.open({ schema })
  for (const k of ['a', 'b', 'c']) await db.query('INSERT INTO app.kv (k, v) VALUES ($1, $2)', [k, 1])
  const query = db.query<Kv>(ALL).live()
  const events: LiveEvent<Kv>[] = []
  query.onChange((event) => events.push(event))
  await query.ready
  const values = (): string =>
    query
      .getSnapshot()
      .rows.map(({ k, v }) => k + v)
      .join(' ')
  return { world, db, query, events, values, table: db.tables.kv }
}

describe('an update by key', () => {
  it('shows before the function returns, and its answer changes nothing any more', async () => {
    const { db, query, events, values, table } = await live()
    const [a, , c] = query.getSnapshot().rows
    const write = table.update('b', { v: 2 })
    expect(values()).toBe('a1 b2 c1')
    const shown = query.getSnapshot()
    expect([shown.rows[0], shown.rows[2]]).toEqual([a, c])
    expect(shown.rows[0]).toBe(a)
    expect(events.at(-1)).toEqual({
      rows: shown.rows,
      changes: [{ type: 'update', key: 'b', row: { k: 'b', v: 2 }, index: 1 }]
    })
    expect((await write).affected).toBe(1)
    expect(query.getSnapshot()).toBe(shown)
    expect(events.length).toBe(2)
    // Later changes of other rows leave the object alone, too.
    await db.query('UPDATE app.kv SET v = $2 WHERE k = $1', ['c', 5])
    expect(values()).toBe('a1 b2 c5')
    expect(query.getSnapshot().rows[1]).toBe(shown.rows[1])
    await db.close()
  })

  it('that fails is taken back', async () => {
    const { world, db, events, values, table } = await live()
    const commit = world.engine.commit.bind(world.engine)
    world.engine.commit = () => {
      throw thrown('invalid', 'check_violated', 'v is too large')
    }
    const write = table.update('b', { v: 99 })
    expect(values()).toBe('a1 b99 c1')
    await expect(write).rejects.toMatchObject({ code: 'check_violated' })
    expect(values()).toBe('a1 b1 c1')
    expect(events.at(-1)?.changes).toEqual([{ type: 'update', key: 'b', row: { k: 'b', v: 1 }, index: 1 }])
    world.engine.commit = commit
    await db.close()
  })

  it('shows until its own answer, whatever else comes', async () => {
    const { db, values, table, events } = await live()
    const seen: string[] = []
    const writes = [2, 3, 4].map((v) => {
      const write = table.update('b', { v })
      seen.push(values())
      return write
    })
    const other = db.query('DELETE FROM app.kv WHERE k = $1', ['a'])
    await Promise.all([...writes, other])
    expect(seen).toEqual(['a1 b2 c1', 'a1 b3 c1', 'a1 b4 c1'])
    expect(values()).toBe('b4 c1')
    expect(events.flatMap(({ rows }) => rows.filter(({ k }) => k === 'b').map(({ v }) => v))).toEqual([1, 2, 3, 4, 4])
    await db.close()
  })

  it('of what the order depends on, or of a row that is not shown, waits for the engine', async () => {
    const { db, events, values, table } = await live()
    const write = table.update('z', { v: 2 })
    expect([values(), events.length]).toEqual(['a1 b1 c1', 1])
    expect((await write).affected).toBe(0)
    const text = table.update('b', { v: '7' as never })
    expect(values()).toBe('a1 b1 c1')
    await text.catch(() => {})
    await db.close()
  })

  it('by a listener is told to all after what it heard', async () => {
    const { db, query, table } = await live()
    const heard: string[] = []
    query.onChange(({ rows }) => {
      heard.push(`one ${String(rows[0]?.v)}`)
      if (rows[0]?.v === 2) void table.update('a', { v: 3 })
    })
    query.onChange(({ rows }) => heard.push(`two ${String(rows[0]?.v)}`))
    await table.update('a', { v: 2 })
    expect(heard).toEqual(['one 1', 'two 1', 'one 2', 'two 2', 'one 3', 'two 3'])
    await db.close()
  })

  it('in any order of updates, answers and changes of others leads to what the engine has', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      let state = seed
      const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below
      const { world, db, query, events, table } = await live()
      let mirror: readonly Kv[] = events[0]?.rows ?? []
      query.onChange(({ rows, changes }) => {
        // Whoever follows the changes has the rows: those that are not named stay the objects that they are.
        const named = new Set(changes?.map(({ row }) => row))
        for (const row of rows) if (changes !== null && !named.has(row)) expect(mirror, `seed ${seed}`).toContain(row)
        mirror = rows
      })
      const writes: PromiseLike<unknown>[] = []
      for (let step = 0; step < 30; step++) {
        const k = 'abcd'.charAt(random(4))
        const dice = random(6)
        if (dice < 3) writes.push(table.update(k, { v: random(3) }))
        else if (dice === 3) writes.push(db.query('DELETE FROM app.kv WHERE k = $1', [k]))
        else if (dice === 4)
          writes.push(db.query('INSERT INTO app.kv (k, v) VALUES ($1, $2)', [k, random(3)]).then(undefined, () => {}))
        else await Promise.all(writes.splice(0, random(writes.length + 1)))
      }
      await Promise.all(writes)
      await world.settle()
      const rows = [...world.engine.rows].sort().map(([k, v]) => ({ k, v }))
      expect(query.getSnapshot().rows, `seed ${seed}`).toEqual(rows)
      expect(mirror).toBe(query.getSnapshot().rows)
      await db.close()
    }
  })
})
