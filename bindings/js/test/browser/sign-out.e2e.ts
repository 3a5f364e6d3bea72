/** Signing out wipes the device. */
import { beforeEach, expect, it } from 'vitest'
import { useServer } from './support/server.js'
import type { Tab } from './support/tab.js'
import { until } from './support/until.js'
import { useWorld } from './support/world.js'

const world = useWorld()
const server = useServer()

const TABLES = `
  CREATE NAMESPACE IF NOT EXISTS app;
  CREATE USER TABLE IF NOT EXISTS app.notes (id INT PRIMARY KEY, title TEXT)`

let user = ''
let users = 0
beforeEach(() => {
  user = `leaving${++users}`
})

async function open(tab: Tab, token: string, url = server.url): Promise<Tab> {
  await tab.open({ name: 'leaving', sync: { url, token } })
  await tab.query(TABLES)
  return tab
}

it('wipes the device, in all tabs', async () => {
  const own = await world.device()
  const [tab, other] = [await own.tab(), await own.tab()]
  await open(tab, server.mint(user))
  await open(other, server.mint(user))
  await tab.write("INSERT INTO app.notes VALUES (1, 'x')")
  await tab.synced()
  await tab.run(({ db }) => db.signOut())
  await until('the other tab is told', () =>
    other.run(({ db }) =>
      db.query('SELECT 1 AS one').then(
        () => false,
        (error: unknown) => (error as { code: string }).code === 'signed_out'
      )
    )
  )
  expect(await tab.run(async () => (await indexedDB.databases()).map(({ name }) => name))).toEqual([])
  await open(tab, server.mint('the-next-one'))
  await tab.synced()
  expect(await tab.query('SELECT * FROM app.notes')).toEqual([])
  expect(await server.sql('SELECT id FROM app.notes', server.mint(user))).toEqual([{ id: 1 }])
})

it('is refused while writes wait, unless they may be lost', async () => {
  const tab = await open(await world.tab(), server.mint(user), 'http://127.0.0.1:9')
  await tab.write("INSERT INTO app.notes VALUES (1, 'only here')")
  await expect(tab.run(({ db }) => db.signOut())).rejects.toMatchObject({
    kind: 'conflict',
    code: 'unsynced_writes',
    message: expect.stringContaining('discard') as string
  })
  expect(await tab.query('SELECT id FROM app.notes')).toEqual([{ id: 1 }])
  await tab.run(({ db }) => db.signOut({ discard: true }))
  await expect(tab.query('SELECT 1')).rejects.toMatchObject({ kind: 'closed' })
  await tab.open({ name: 'leaving' })
  await expect(tab.query('SELECT * FROM app.notes')).rejects.toMatchObject({ kind: 'invalid' })
})
