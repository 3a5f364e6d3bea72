/** Signing out wipes the device. */
import { expect, it } from 'vitest'
import { useServer } from './support/server.js'
import type { Tab } from './support/tab.js'
import { NOTES } from './support/tables.js'
import { until } from './support/until.js'
import { useWorld } from './support/world.js'

const world = useWorld()
const server = useServer()

const open = (tab: Tab, token = server.mint(), url = server.url): Promise<Tab> =>
  tab.open({ name: 'leaving', sync: { url, token } }, NOTES)

it('wipes the device, in all tabs', async () => {
  const [tab, other] = [await open(await world.ownTab()), await open(await world.ownTab())]
  await tab.write("INSERT INTO app.notes VALUES (1, 'x')")
  await tab.synced()
  for (const each of [tab, other])
    await each.run(({ db, kept }) => {
      kept.told = []
      db.on('error', ({ kind, code }) => kept.told.push([kind, code]))
    })
  await tab.run(({ db }) => db.signOut())
  await until('the other tab is told', () =>
    other.run(({ db }) =>
      db.query('SELECT 1 AS one').then(
        () => false,
        (error: unknown) => (error as { code: string }).code === 'signed_out'
      )
    )
  )
  expect(await other.run(({ kept }) => kept.told)).toEqual([['closed', 'signed_out']])
  expect(await tab.run(({ kept }) => kept.told)).toEqual([])
  expect(await tab.run(async () => (await indexedDB.databases()).map(({ name }) => name))).toEqual([])
  await open(tab, server.mint('the-next-one'))
  await tab.synced()
  expect(await tab.query('SELECT * FROM app.notes')).toEqual([])
  expect(await server.sql('SELECT id FROM app.notes', server.mint())).toEqual([{ id: 1 }])
})

it('is refused while writes wait, unless they may be lost', async () => {
  const tab = await open(await world.tab(), server.mint(), 'http://127.0.0.1:9')
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
