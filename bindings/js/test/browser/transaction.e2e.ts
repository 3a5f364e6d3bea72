/** Transactions over the real engine. */
import { beforeEach, expect, it } from 'vitest'
import type { Tab } from './support/tab.js'
import { useWorld } from './support/world.js'

const world = useWorld()
let tab: Tab

beforeEach(async () => {
  tab = await (
    await world.ownTab()
  ).open(
    { name: 'transactions' },
    `CREATE NAMESPACE app;
    CREATE USER TABLE app.accounts (name TEXT PRIMARY KEY, amount INT NOT NULL CHECK (amount >= 0));
    INSERT INTO app.accounts VALUES ('ada', 100), ('eve', 0)`
  )
})

const amounts = (of = tab) => of.query('SELECT amount FROM app.accounts ORDER BY name')

it('take effect whole, and read their own writes', async () => {
  const value = await tab.run(async ({ db }) => {
    const committed = await db.transaction(async (tx) => {
      await tx.sql`UPDATE app.accounts SET amount = amount - 30 WHERE name = 'ada'`
      await tx.sql`UPDATE app.accounts SET amount = amount + 30 WHERE name = 'eve'`
      const outside = await db.query('SELECT amount FROM app.accounts ORDER BY name')
      const inside = await tx.sql`SELECT amount FROM app.accounts ORDER BY name`
      return { outside: [...outside], inside: [...inside] }
    })
    await committed.persisted()
    return committed.value
  })
  expect(value).toEqual({ outside: [{ amount: 100 }, { amount: 0 }], inside: [{ amount: 70 }, { amount: 30 }] })
  expect(await amounts()).toEqual([{ amount: 70 }, { amount: 30 }])
})

it('that throw leave nothing', async () => {
  const failed = await tab.run(async ({ db }) => {
    try {
      await db.transaction(async (tx) => {
        await tx.sql`UPDATE app.accounts SET amount = 1`
        throw new RangeError('changed my mind')
      })
      return 'committed'
    } catch (error) {
      return String(error)
    }
  })
  expect(failed).toBe('RangeError: changed my mind')
  expect(await amounts()).toEqual([{ amount: 100 }, { amount: 0 }])
  await expect(
    tab.run(({ db }) =>
      db.transaction(async (tx) => {
        await tx.sql`UPDATE app.accounts SET amount = amount + 1 WHERE name = 'eve'`
        await tx.sql`UPDATE app.accounts SET amount = -1 WHERE name = 'ada'`
      })
    )
  ).rejects.toMatchObject({ kind: 'invalid' })
  expect(await amounts()).toEqual([{ amount: 100 }, { amount: 0 }])
})

it('may go on after a statement that failed', async () => {
  await tab.run(async ({ db }) => {
    await db.transaction(async (tx) => {
      await tx.sql`INSERT INTO app.accounts VALUES ('bob', 1)`
      await tx.sql`INSERT INTO app.accounts VALUES ('ada', 1)`.catch(() => {})
    })
  })
  expect(await tab.query('SELECT name FROM app.accounts ORDER BY name')).toEqual([
    { name: 'ada' },
    { name: 'bob' },
    { name: 'eve' }
  ])
})

it('run again when others changed what they read', async () => {
  const { runs, value } = await tab.run(async ({ db }) => {
    let runs = 0
    const { value } = await db.transaction(async (tx) => {
      runs++
      const row = await tx.sql<{ amount: number }>`SELECT amount FROM app.accounts WHERE name = 'ada'`.first()
      if (runs === 1) await db.sql`UPDATE app.accounts SET amount = 50 WHERE name = 'ada'`
      const next = (row?.amount ?? 0) + 1
      await tx.sql`UPDATE app.accounts SET amount = ${next} WHERE name = 'ada'`
      return next
    })
    return { runs, value }
  })
  expect({ runs, value }).toEqual({ runs: 2, value: 51 })
  expect(await amounts()).toEqual([{ amount: 51 }, { amount: 0 }])
})

it('of several tabs count each once', async () => {
  const other = await world.ownTab()
  await other.open({ name: 'transactions' })
  const add = (of: Tab) =>
    of.run(async ({ db }) => {
      for (let round = 0; round < 10; round++) {
        await db.transaction(async (tx) => {
          const row = await tx.sql<{ amount: number }>`SELECT amount FROM app.accounts WHERE name = 'eve'`.first()
          await tx.sql`UPDATE app.accounts SET amount = ${(row?.amount ?? 0) + 1} WHERE name = 'eve'`
        })
      }
    })
  await Promise.all([add(tab), add(other)])
  expect(await amounts()).toEqual([{ amount: 100 }, { amount: 20 }])
  expect(await amounts(other)).toEqual(await amounts())
})

it('use the query module, too', async () => {
  await tab.run(({ db }) =>
    db.transaction(async (tx) => {
      await tx.sql`INSERT INTO app.accounts VALUES ('zoe', 5)`
      await tx.sql`UPDATE app.accounts SET amount = 7 WHERE amount = (SELECT min(amount) FROM app.accounts WHERE amount > 0)`
    })
  )
  expect(await tab.query("SELECT amount FROM app.accounts WHERE name = 'zoe'")).toEqual([{ amount: 7 }])
})

it('refuse COMMIT within', async () => {
  for (const control of ['COMMIT', 'ROLLBACK', 'BEGIN', 'COMMIT; BEGIN']) {
    await expect(
      tab.run(
        ({ db }, text) =>
          db.transaction(async (tx) => {
            await tx.sql`INSERT INTO app.accounts VALUES ('kim', 5)`
            await tx.query(text)
          }),
        control
      )
    ).rejects.toMatchObject({ kind: 'invalid', code: 'transaction_control' })
  }
  await expect(tab.query('BEGIN; DELETE FROM app.accounts')).rejects.toMatchObject({ code: 'transaction_left_open' })
  expect(await amounts()).toHaveLength(2)
})

it('take a text whole or not at all', async () => {
  await tab.run(({ db }) =>
    db.transaction(async (tx) => {
      await tx.query("INSERT INTO app.accounts VALUES ('kim', 5); INSERT INTO app.accounts VALUES ('eve', 5)").then(
        () => {
          throw new Error('eve is there already')
        },
        () => {}
      )
      await tx.sql`INSERT INTO app.accounts VALUES ('leo', 5)`
    })
  )
  expect(await tab.query("SELECT name FROM app.accounts WHERE name IN ('kim', 'leo')")).toEqual([{ name: 'leo' }])
})
