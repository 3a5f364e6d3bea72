/** Several tabs with one database: a leader and its followers. */
import { expect, it } from 'vitest'
import type { Tab } from './support/tab.js'
import { COUNTED } from './support/tables.js'
import { until } from './support/until.js'
import { useWorld } from './support/world.js'
import { ids } from './support/writing.js'

const world = useWorld()

const open = async (): Promise<Tab> => (await world.ownTab()).open({ name: 'tabs' }, COUNTED)

it('share the rows, and hear of each other’s writes', async () => {
  const [leader, follower] = [await open(), await open()]
  expect([await leader.role(), await follower.role()]).toEqual(['leader', 'follower'])
  expect(await follower.run(({ db }) => db.storage.mode)).toBe('indexeddb')
  for (const tab of [leader, follower]) {
    await tab.run(async ({ db, kept }) => {
      kept.live = db.query('SELECT id FROM app.notes ORDER BY id').live()
      await kept.live.ready
    })
  }
  await leader.write("INSERT INTO app.notes (id) VALUES ('by the leader')")
  expect(await ids(follower)).toEqual(['by the leader'])
  await follower.write("INSERT INTO app.notes (id) VALUES ('by the follower')")
  expect(await ids(leader)).toEqual(['by the follower', 'by the leader'])
  for (const tab of [leader, follower]) {
    await until('the live query has both', () => tab.run(({ kept }) => kept.live.getSnapshot().rows.length === 2))
  }
})

it('go on when the leader is closed', async () => {
  const [leader, follower] = [await open(), await open()]
  await leader.write("INSERT INTO app.notes (id) VALUES ('1')")
  await follower.run(async ({ db, kept }) => {
    kept.leads = []
    db.on('leader', (leads) => kept.leads.push(leads))
    kept.live = db.query('SELECT id FROM app.notes ORDER BY id').live()
    await kept.live.ready
  })
  await leader.run(({ db }) => db.close())
  await follower.write("INSERT INTO app.notes (id) VALUES ('2')")
  expect(await follower.role()).toBe('leader')
  expect(await follower.run(({ kept }) => kept.leads)).toEqual([true])
  expect(await ids(follower)).toEqual(['1', '2'])
  await until('the live query goes on', () => follower.run(({ kept }) => kept.live.getSnapshot().rows.length === 2))
  await expect(leader.query('SELECT 1')).rejects.toMatchObject({ kind: 'closed' })
})

it('belong to the user whom the first of them names', async () => {
  const sync = { url: 'http://127.0.0.1:1', token: 'none', start: false }
  const refused = { kind: 'unauthorized', code: 'other_user' }
  const leader = await open()
  const ben = await (await world.ownTab()).open({ name: 'tabs', sync: { ...sync, user: 'ben' } })
  const ada = await world.ownTab()
  await expect(ada.open({ name: 'tabs', sync: { ...sync, user: 'ada' } })).rejects.toMatchObject(refused)
  await leader.write("INSERT INTO app.notes (id) VALUES ('of ben')")
  expect([await ben.role(), await ids(ben)]).toEqual(['follower', ['of ben']])
  await ben.run(({ db }) => db.close())
  await leader.run(({ db }) => db.close())
  await expect(ada.open({ name: 'tabs', sync: { ...sync, user: 'ada' } })).rejects.toMatchObject(refused)
  await ben.open({ name: 'tabs', sync: { ...sync, user: 'ben' } })
  expect(await ids(ben)).toEqual(['of ben'])
})

it('open at once without losing the lead', async () => {
  const tabs = await Promise.all(Array.from({ length: 4 }, () => world.ownTab()))
  await Promise.all(tabs.map((tab) => tab.open({ name: 'tabs' })))
  const roles = await Promise.all(tabs.map((tab) => tab.role()))
  expect(roles.sort()).toEqual(['follower', 'follower', 'follower', 'leader'])
})

it('may be ten, closed one after the other in mid-write', async () => {
  const tabs: Tab[] = []
  for (let count = 0; count < 10; count++) tabs.push(await open())
  await (tabs[0] as Tab).write("INSERT INTO app.notes (id) VALUES ('counter')")
  const promised: string[] = []
  for (const [at, tab] of tabs.entries()) {
    await tab.page.exposeFunction('promised', (key: string) => promised.push(key))
    await tab.run(({ db, kept }, number) => {
      // All tabs change one row: a transaction may lose against the others so often that it is given up.
      const add = async (id: string): Promise<{ persisted(): Promise<void> }> => {
        const work = db.transaction(async (tx) => {
          await tx.sql`INSERT INTO app.notes (id) VALUES (${id})`
          await tx.sql`UPDATE app.notes SET likes = likes + 1 WHERE id = 'counter'`
        })
        return work.catch((error) => {
          if (error.code === 'transaction_given_up') return add(id)
          throw error
        })
      }
      const write = async (): Promise<void> => {
        for (let count = 0; kept.stops !== true; count++) {
          const id = `${number}-${count}`
          const committed = await add(id)
          await committed.persisted()
          await (globalThis as unknown as { promised(key: string): Promise<void> }).promised(id)
        }
      }
      kept.writing = write().catch((error) => (kept.error = `${error.code}: ${error.message}`))
    }, at)
  }
  const [last, ...others] = tabs.reverse() as [Tab, ...Tab[]]
  for (const tab of others.reverse()) {
    const before = promised.length
    await until('the tabs write', () => promised.length > before + 3)
    await tab.close()
  }
  const before = promised.length
  await until('the last one writes', () => promised.length > before + 3)
  await last.run(async ({ kept }) => {
    kept.stops = true
    await kept.writing
  })
  expect(await last.run(({ kept }) => kept.error)).toBeUndefined()
  const found = (await ids(last)).filter((id) => id !== 'counter')
  expect(promised.filter((id) => !found.includes(id))).toEqual([])
  expect(new Set(found).size).toBe(found.length)
  // A transaction takes effect whole: as many additions as rows.
  expect(await last.query("SELECT likes FROM app.notes WHERE id = 'counter'")).toEqual([{ likes: found.length }])
})

it('in memory are alone', async () => {
  const [one, two] = [await world.ownTab(), await world.ownTab()]
  await one.open({ name: 'm', storage: 'memory' })
  await two.open({ name: 'm', storage: 'memory' })
  expect([await one.role(), await two.role()]).toEqual(['leader', 'leader'])
  await one.query(COUNTED)
  await expect(two.query('SELECT id FROM app.notes')).rejects.toMatchObject({ kind: 'invalid' })
  expect(await one.run(({ db }) => [db.storage.mode, db.storage.reason])).toEqual(['memory', undefined])
})
