/** One table with the small engine, everything else with the query module. */
import { beforeEach, describe, expect, it } from 'vitest'
import { failure, type Tab } from './support/tab.js'
import { useWorld } from './support/world.js'

const world = useWorld()
let tab: Tab

const modules = () => tab.run(({ db }) => db.modules.map(({ name }) => name))

beforeEach(async () => {
  tab = await world.tab()
  await tab.open({ name: 'sql' })
  await tab.query(`
    CREATE NAMESPACE app;
    CREATE USER TABLE app.people (id INT PRIMARY KEY, name TEXT NOT NULL, city TEXT, born DATE);
    CREATE USER TABLE app.visits (id INT PRIMARY KEY, person INT NOT NULL, days INT NOT NULL);
    INSERT INTO app.people VALUES (1, 'ada', 'london', '1815-12-10'), (2, 'eve', 'paris', NULL), (3, 'bob', 'paris', '1999-01-02');
    INSERT INTO app.visits VALUES (1, 1, 3), (2, 1, 4), (3, 2, 5), (4, 3, 1)`)
})

describe('the small engine', () => {
  it('answers queries of one table by itself', async () => {
    expect(
      await tab.query("SELECT id, name FROM app.people WHERE city = 'paris' AND name <> $1 ORDER BY name LIMIT 5", [
        'x'
      ])
    ).toEqual([
      { id: 3, name: 'bob' },
      { id: 2, name: 'eve' }
    ])
    expect(await tab.query('SELECT count(*) AS n FROM app.people WHERE born IS NULL')).toEqual([{ n: 1 }])
    expect(await tab.query('UPDATE app.people SET city = NULL WHERE id IN (1, 2)')).toEqual([])
    expect(await tab.query('SELECT id FROM app.people WHERE city IS NULL ORDER BY id DESC')).toEqual([
      { id: 2 },
      { id: 1 }
    ])
    expect(await tab.query('DELETE FROM app.people WHERE id = 2')).toEqual([])
    expect(await tab.query('SELECT id FROM app.people ORDER BY id')).toEqual([{ id: 1 }, { id: 3 }])
    expect(await modules()).toEqual(['engine'])
  })

  it('tells what a statement did', async () => {
    const told = await tab.run(async ({ db }) => {
      const update = await db.query("UPDATE app.people SET city = 'rome' WHERE id > $1", [1])
      const select = await db.query('SELECT id, name FROM app.people ORDER BY id')
      return {
        update: [update.tag, update.affected, update.length],
        select: [select.tag, select.columns.map(({ name, type }) => `${name} ${type}`)]
      }
    })
    expect(told).toEqual({ update: ['UPDATE', 2, 0], select: ['SELECT', ['id INT', 'name TEXT']] })
  })

  it('lets ON CONFLICT decide, and names the key that is there twice', async () => {
    await tab.query("INSERT INTO app.people (id, name) VALUES (1, 'x') ON CONFLICT DO NOTHING")
    await tab.query(
      "INSERT INTO app.people (id, name) VALUES (2, 'eva') ON CONFLICT (id) DO UPDATE SET name = excluded.name"
    )
    expect(await tab.query('SELECT name FROM app.people WHERE id <= 2 ORDER BY id')).toEqual([
      { name: 'ada' },
      { name: 'eva' }
    ])
    await expect(tab.query("INSERT INTO app.people (id, name) VALUES (1, 'x')")).rejects.toMatchObject({
      kind: 'conflict',
      code: 'duplicate_key'
    })
  })
})

describe('the query module', () => {
  it('joins, groups by expressions, and is fetched only then', async () => {
    expect(await modules()).toEqual(['engine'])
    expect(
      await tab.query(`SELECT p.name, sum(v.days) AS days FROM app.people AS p JOIN app.visits AS v ON v.person = p.id
        GROUP BY p.name ORDER BY days DESC, p.name`)
    ).toEqual([
      { name: 'ada', days: 7n },
      { name: 'eve', days: 5n },
      { name: 'bob', days: 1n }
    ])
    expect(await modules()).toEqual(['engine', 'query'])
    expect(
      await tab.query('SELECT upper(substr(name, 1, 1)) AS first, count(*) AS n FROM app.people GROUP BY 1 ORDER BY 1')
    ).toEqual([
      { first: 'A', n: 1 },
      { first: 'B', n: 1 },
      { first: 'E', n: 1 }
    ])
  })

  it('has WITH, window functions and UNION', async () => {
    expect(
      await tab.query(`WITH longest AS (SELECT person, max(days) AS days FROM app.visits GROUP BY person)
        SELECT p.name, rank() OVER (ORDER BY l.days DESC) AS place FROM longest AS l JOIN app.people AS p ON p.id = l.person
        ORDER BY place`)
    ).toEqual([
      { name: 'eve', place: 1n },
      { name: 'ada', place: 2n },
      { name: 'bob', place: 3n }
    ])
    expect(await tab.query('SELECT name FROM app.people UNION SELECT city FROM app.people ORDER BY 1 LIMIT 2')).toEqual(
      [{ name: 'ada' }, { name: 'bob' }]
    )
  })

  it('says what is wrong, and where, as the engine does', async () => {
    const wrong = async (text: string) => failure(tab.query(text))
    const join = 'SELECT p.name\nFROM app.people AS p JOIN app.visits AS v ON v.person = p.id'
    expect(await wrong(`${join}\nWHERE GROUP BY p.name`)).toMatchObject({ kind: 'invalid', line: 3, column: 13 })
    const column = await wrong(join.replace('p.name', 'p.nam'))
    expect(column).toMatchObject({ name: 'KalamError', kind: 'invalid' })
    expect(column.message).toMatch(/nam\b.*\bname\b/s)
    const table = await wrong('WITH all_of AS (SELECT * FROM app.visit) SELECT count(*) FROM all_of')
    expect(table).toMatchObject({ name: 'KalamError', kind: 'invalid' })
    expect(table.message).toMatch(/app\.visit\b/)
    const cast = await wrong(
      "SELECT p.id + CAST('x' AS INT) AS n FROM app.people AS p JOIN app.visits AS v ON v.person = p.id"
    )
    expect(cast).toMatchObject({ name: 'KalamError', kind: 'invalid' })
    expect(await tab.query('SELECT rank() OVER (ORDER BY id) AS n FROM app.people WHERE id = 1')).toEqual([{ n: 1n }])
  })

  it('explains', async () => {
    const plan = await tab.query('EXPLAIN SELECT p.name FROM app.people AS p JOIN app.visits AS v ON v.person = p.id')
    expect(JSON.stringify(plan)).toMatch(/join/i)
    const small = await tab.query('EXPLAIN SELECT name FROM app.people WHERE id = 1')
    expect(small.length).toBeGreaterThan(0)
  })

  it('writes what it reads: INSERT … SELECT, UPDATE and DELETE with sub-queries', async () => {
    expect(
      await tab.write("INSERT INTO app.people (id, name) SELECT id + 10, name || '!' FROM app.people WHERE id <= 2")
    ).toBe(2)
    expect(
      await tab.write(
        "UPDATE app.people SET city = 'busy' WHERE id IN (SELECT person FROM app.visits GROUP BY person HAVING sum(days) > 4)"
      )
    ).toBe(2)
    expect(await tab.write('DELETE FROM app.visits WHERE days < (SELECT avg(days) FROM app.visits)')).toBe(2)
    const rows = () => tab.query('SELECT id, name, city FROM app.people ORDER BY id')
    const seen = await rows()
    expect(seen).toEqual([
      { id: 1, name: 'ada', city: 'busy' },
      { id: 2, name: 'eve', city: 'busy' },
      { id: 3, name: 'bob', city: 'paris' },
      { id: 11, name: 'ada!', city: null },
      { id: 12, name: 'eve!', city: null }
    ])
    await tab.reload()
    await tab.open({ name: 'sql' })
    expect(await rows()).toEqual(seen)
  })

  it('sees what was written since it was asked last', async () => {
    const join = 'SELECT count(*) AS n FROM app.people AS p JOIN app.visits AS v ON v.person = p.id'
    expect(await tab.query(join)).toEqual([{ n: 4 }])
    await tab.query('INSERT INTO app.visits VALUES (5, 3, 9)')
    expect(await tab.query(join)).toEqual([{ n: 5 }])
    await tab.query('DELETE FROM app.people WHERE id = 1')
    expect(await tab.query(join)).toEqual([{ n: 3 }])
  })

  it('gives Arrow', async () => {
    const arrow = await tab.run(async ({ db }) => {
      const bytes = await db.query('SELECT name, born FROM app.people ORDER BY id').arrow()
      return {
        isBytes: bytes instanceof Uint8Array,
        start: [...bytes.slice(0, 4)],
        text: new TextDecoder('latin1').decode(bytes)
      }
    })
    expect(arrow.isBytes).toBe(true)
    // A stream's first message begins with its mark of continuation.
    expect(arrow.start).toEqual([255, 255, 255, 255])
    expect(arrow.text).toContain('born')
    expect(arrow.text).toContain('adaevebob')
  })

  it('can be fetched before it is needed', async () => {
    await tab.run(({ db }) => db.loadQueryModule())
    expect(await modules()).toEqual(['engine', 'query'])
    const loaded = await tab.run(({ db }) => db.modules.map(({ bytes, ms }) => ({ bytes, ms })))
    for (const { bytes } of loaded) expect(bytes).toBeGreaterThan(1_000_000)
  })

  it('runs beside other statements', async () => {
    const order = await tab.run(async ({ db }) => {
      const done: string[] = []
      await Promise.all([
        db.query('SELECT count(*) AS n FROM app.people AS a CROSS JOIN app.people AS b').then(() => done.push('join')),
        db.query('SELECT name FROM app.people WHERE id = 1').then(() => done.push('key'))
      ])
      return done
    })
    expect(order).toEqual(['key', 'join'])
  })
})
