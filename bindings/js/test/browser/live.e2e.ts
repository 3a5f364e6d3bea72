/** Live queries of one table over the real engine. */
import { beforeEach, expect, it } from 'vitest'
import type { Tab } from './support/tab.js'
import { until } from './support/until.js'
import { useWorld } from './support/world.js'

const world = useWorld()
let tab: Tab

interface Note {
  id: number
  title: string
  stars: number
}

beforeEach(async () => {
  tab = await world.tab()
  await tab.open({ name: 'live' })
  await tab.query(`
    CREATE NAMESPACE app;
    CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT NOT NULL, stars INT NOT NULL);
    INSERT INTO app.notes VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)`)
})

/** Follows a query in the page: its rows and changes are in `kept`. */
const follow = (text: string): Promise<void> =>
  tab.run(async ({ db, kept }, query) => {
    const live = db.query<Note>(query).live()
    kept.live = live
    kept.events = []
    live.onChange(({ changes }) => kept.events.push(changes))
    await live.ready
  }, text)

const rows = (): Promise<Note[]> => tab.run(({ kept }) => [...kept.live.getSnapshot().rows])
const changesUntil = async (count: number): Promise<unknown[]> => {
  await until(`${count} changes`, () => tab.run(({ kept }, n) => kept.events.flat().length > n, count))
  return tab.run(({ kept }) =>
    kept.events
      .splice(0)
      .flat()
      .filter((change: unknown) => change !== null)
  )
}

it('tell inserts, updates and deletes', async () => {
  await follow('SELECT id, title, stars FROM app.notes ORDER BY id')
  expect(await rows()).toHaveLength(3)
  await tab.query("INSERT INTO app.notes VALUES (4, 'd', 4)")
  expect(await changesUntil(1)).toMatchObject([{ type: 'insert', row: { id: 4, title: 'd', stars: 4 }, index: 3 }])
  await tab.query("UPDATE app.notes SET title = 'B' WHERE id = 2")
  await tab.query('DELETE FROM app.notes WHERE id = 1')
  await until('both changes are there', async () => (await rows()).length === 3)
  expect(await rows()).toEqual([
    { id: 2, title: 'B', stars: 2 },
    { id: 3, title: 'c', stars: 3 },
    { id: 4, title: 'd', stars: 4 }
  ])
})

it('keep rows that did not change as the same objects', async () => {
  await follow('SELECT id, title, stars FROM app.notes ORDER BY id')
  const same = await tab.run(async ({ db, kept }) => {
    const before = kept.live.getSnapshot()
    const changed = new Promise<void>((resolve) => kept.live.subscribe(resolve))
    const isSame = before === kept.live.getSnapshot()
    await db.query("UPDATE app.notes SET title = 'changed' WHERE id = 2")
    await changed
    const after = kept.live.getSnapshot()
    return [isSame, before !== after, ...before.rows.map((row: Note, at: number) => row === after.rows[at])]
  })
  expect(same).toEqual([true, true, true, false, true])
})

it('have filter, order and limit', async () => {
  await follow('SELECT id, stars FROM app.notes WHERE stars >= 2 ORDER BY stars DESC LIMIT 2')
  const ids = async (): Promise<number[]> => (await rows()).map(({ id }) => id)
  const become = (wanted: number[]) =>
    until(`the rows are ${wanted}`, async () => String(await ids()) === String(wanted))
  await become([3, 2])
  await tab.query("INSERT INTO app.notes VALUES (4, 'd', 4)")
  await become([4, 3])
  await tab.query('UPDATE app.notes SET stars = 9 WHERE id = 2')
  await become([2, 4])
  await tab.query('DELETE FROM app.notes WHERE id IN (2, 4)')
  await become([3])
  await tab.query('UPDATE app.notes SET stars = 0 WHERE id = 3')
  await become([])
})

it('are equal to the query, whatever happens', async () => {
  await follow('SELECT id, title, stars FROM app.notes WHERE stars < 7 ORDER BY stars DESC, title LIMIT 10')
  for (let step = 0; step < 40; step++) {
    const [id, stars] = [(step * 7) % 20, (step * 5) % 9]
    if (step % 5 === 4) await tab.query('DELETE FROM app.notes WHERE id = $1', [(id + 3) % 20])
    else
      await tab.query(
        'INSERT INTO app.notes VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET title = excluded.title, stars = excluded.stars',
        [id, `t${step % 11}`, stars]
      )
  }
  const query = 'SELECT id, title, stars FROM app.notes WHERE stars < 7 ORDER BY stars DESC, title LIMIT 10'
  const wanted = JSON.stringify(await tab.query(query))
  await until('the live rows are those of the query', async () => JSON.stringify(await rows()) === wanted)
})

it('are async iterables, and end with close', async () => {
  const seen = await tab.run(async ({ db }) => {
    const live = db.query<Note>('SELECT id FROM app.notes ORDER BY id').live()
    const counts: number[] = []
    for await (const { rows } of live) {
      counts.push(rows.length)
      if (counts.length === 1) await db.query("INSERT INTO app.notes VALUES (5, 'e', 5)")
      else live.close()
    }
    let code = ''
    try {
      live.subscribe(() => {})
    } catch (error) {
      code = (error as { code: string }).code
    }
    return { counts, code }
  })
  expect(seen).toEqual({ counts: [3, 4], code: 'query_closed' })
})

it('show what a transaction did at once, and nothing of one that failed', async () => {
  await follow('SELECT id FROM app.notes ORDER BY id')
  await tab.run(async ({ db }) => {
    await db
      .transaction(async (tx) => {
        await tx.sql`DELETE FROM app.notes`
        throw new Error('no')
      })
      .catch(() => {})
    await db.transaction(async (tx) => {
      await tx.sql`INSERT INTO app.notes VALUES (8, 'x', 1)`
      await tx.sql`INSERT INTO app.notes VALUES (9, 'y', 1)`
      await tx.sql`DELETE FROM app.notes WHERE id = 1`
    })
  })
  await until('the commit is seen', async () => (await rows()).length === 4)
  const sizes = await tab.run(({ kept }) => kept.events.map((changes: unknown[] | null) => changes?.length))
  expect(sizes.filter((size: number | null | undefined) => size != null)).toEqual([3])
})

it('beyond one table are refused', async () => {
  const code = await tab.run(async ({ db }) => {
    const live = db.query('SELECT a.id FROM app.notes AS a JOIN app.notes AS b ON a.id = b.id').live()
    return live.ready.then(
      () => 'taken',
      (error: { code: string }) => error.code
    )
  })
  expect(code).toBe('live_one_table')
})

it('an update by key is shown before the function returns, and taken back if it is refused', async () => {
  const seen = await tab.run(async ({ kalam }) => {
    const { defineSchema, open, t } = kalam
    const schema = defineSchema('app', {
      tasks: { id: t.int().primaryKey(), title: t.text(), done: t.boolean(), rank: t.int().check('rank < 100') }
    })
    const db = await open({ name: 'echo', schema })
    for (const id of [1, 2, 3]) await db.tables.tasks.insert({ id, title: `task ${id}`, done: false, rank: id })
    const live = db.query('SELECT title, id, done, rank FROM app.tasks WHERE done = FALSE ORDER BY title').live()
    let events = 0
    live.onChange(() => events++)
    await live.ready
    const shown = () =>
      live
        .getSnapshot()
        .rows.map((row) => `${String(row.id)} ${String(row.rank)}`)
        .join(', ')
    const out: unknown[] = []
    const write = db.tables.tasks.update(2, { rank: 20 })
    out.push(shown())
    await write
    out.push(shown(), events)
    // What the condition and the order depend on is the engine's to show.
    const done = db.tables.tasks.update(1, { done: true, rank: 10 })
    out.push(shown())
    await done
    out.push(shown(), events)
    const refused = db.tables.tasks.update(3, { rank: 100 })
    out.push(shown())
    out.push(await refused.then(undefined, (error: { code: string }) => error.code), shown(), events)
    const long = db.tables.tasks.update(3, { rank: 30 })
    const wrong = db.query('UPDATE app.tasks SET rank = 31 WHERE id = 3')
    out.push(shown())
    await Promise.all([long, wrong])
    out.push(shown())
    await db.close()
    return out
  })
  expect(seen).toEqual([
    '1 1, 2 20, 3 3',
    '1 1, 2 20, 3 3',
    2,
    '1 1, 2 20, 3 3',
    '2 20, 3 3',
    3,
    '2 20, 3 100',
    'check_violation',
    '2 20, 3 3',
    5,
    '2 20, 3 30',
    '2 20, 3 31'
  ])
})
