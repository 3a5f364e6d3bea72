/** Devices and the real server. */
import { describe, expect, it } from 'vitest'
import { useServer } from './support/server.js'
import type { OpenText, Tab } from './support/tab.js'
import { NOTES_COUNTED } from './support/tables.js'
import { until } from './support/until.js'
import { Wire } from './support/wire.js'
import { useWorld } from './support/world.js'

const world = useWorld()
const server = useServer()

const options = (url?: string): OpenText => ({ name: 'sync', sync: server.sync(url) })
const device = async (url?: string): Promise<Tab> => (await world.tab()).open(options(url), NOTES_COUNTED)

const notes = (tab: Tab) => tab.query('SELECT id, title, stars, likes FROM app.notes ORDER BY id')

async function converge(...tabs: Tab[]): Promise<Record<string, unknown>[]> {
  // Twice: what the last one sent has to come to the first.
  for (let round = 0; round < 2; round++) for (const tab of tabs) await tab.synced()
  const [first, ...others] = await Promise.all(tabs.map(notes))
  for (const other of others) expect(other).toEqual(first)
  return first as Record<string, unknown>[]
}

describe('two devices', () => {
  it('have the same rows', async () => {
    const [one, two] = [await device(), await device()]
    await one.query("INSERT INTO app.notes (id, title) VALUES (1, 'of one')")
    await two.query("INSERT INTO app.notes (id, title) VALUES (2, 'of two')")
    expect(await converge(one, two)).toEqual([
      { id: 1, title: 'of one', stars: null, likes: 0 },
      { id: 2, title: 'of two', stars: null, likes: 0 }
    ])
    const status = await one.run(({ db }) => ({ ...db.sync.status, updated: db.sync.status.updated > 0 }))
    expect(status).toMatchObject({
      state: 'live',
      synced: true,
      pending: 0,
      rejected: 0,
      user: server.user,
      updated: true
    })
    expect(await server.sql('SELECT id, title FROM app.notes ORDER BY id', server.mint())).toEqual([
      { id: 1, title: 'of one' },
      { id: 2, title: 'of two' }
    ])
  })

  it('see each other live', async () => {
    const [one, two] = [await device(), await device()]
    await two.run(async ({ db, kept }) => {
      kept.live = db.query('SELECT title FROM app.notes ORDER BY id').live()
      await kept.live.ready
    })
    await one.run(async ({ db }) => {
      const write = await db.query("INSERT INTO app.notes (id, title) VALUES (1, 'hello')")
      await write.synced()
    })
    await until('nothing waits', () => one.run(({ db }) => db.sync.status.pending === 0))
    const titles = () =>
      two.run(({ kept }) => kept.live.getSnapshot().rows.map(({ title }: { title: string }) => title))
    await until('the row is in the live query', async () => String(await titles()) === 'hello')
  })

  it('merge by column, and add counters up', async () => {
    const wires = [await new Wire(server.url).start(), await new Wire(server.url).start()] as const
    const [one, two] = [await device(wires[0].url), await device(wires[1].url)]
    await one.query("INSERT INTO app.notes (id, title, stars) VALUES (1, 'first', 1)")
    await converge(one, two)
    for (const wire of wires) wire.cut()
    await one.query("UPDATE app.notes SET title = 'by one', likes = likes + 2 WHERE id = 1")
    await two.query('UPDATE app.notes SET stars = 5, likes = likes + 3 WHERE id = 1')
    await two.query("INSERT INTO app.notes (id, title) VALUES (2, 'offline')")
    await until('the write waits', () => one.run(({ db }) => db.sync.status.pending === 1))
    for (const wire of wires) wire.mend()
    expect(await converge(one, two)).toEqual([
      { id: 1, title: 'by one', stars: 5, likes: 5 },
      { id: 2, title: 'offline', stars: null, likes: 0 }
    ])
    for (const wire of wires) await wire.stop()
  })
})

describe('without a network', () => {
  it('a device opens, writes and is closed, and sends it all later', async () => {
    const wire = await new Wire(server.url).start()
    wire.cut()
    const tab = await device(wire.url)
    for (let id = 1; id <= 20; id++) await tab.write("INSERT INTO app.notes (id, title) VALUES ($1, 'offline')", [id])
    const waiting = await until('all of them wait', () =>
      tab.run(({ db }) => db.sync.status.state === 'waiting' && db.sync.status.pending === 20 && db.sync.status)
    )
    expect(waiting).toMatchObject({ synced: false, error: expect.anything() as unknown })
    await tab.reload()
    wire.mend()
    await tab.open(options(wire.url))
    await tab.synced()
    expect(await server.sql('SELECT count(*) AS n FROM app.notes', server.mint())).toEqual([{ n: 20 }])
    await until('nothing waits', () => tab.run(({ db }) => db.sync.status.pending === 0))
    await wire.stop()
  })

  it('of the browser, a page comes back by itself', async () => {
    const tab = await device()
    await tab.synced()
    const context = tab.page.context()
    await context.setOffline(true)
    await tab.query("INSERT INTO app.notes (id, title) VALUES (1, 'in the tunnel')")
    // With a network it would be there by now.
    await expect(tab.run(({ db }) => db.sync.waitFor('synced', { timeout: 2_000 }))).rejects.toMatchObject({
      code: 'timeout'
    })
    expect(await server.sql('SELECT id FROM app.notes', server.mint())).toEqual([])
    await context.setOffline(false)
    await tab.synced()
    expect(await server.sql('SELECT title FROM app.notes', server.mint())).toEqual([{ title: 'in the tunnel' }])
  })

  it('what is stopped stays stopped until it is started', async () => {
    const tab = await device()
    await tab.synced()
    await tab.run(({ db }) => db.sync.stop())
    await tab.query("INSERT INTO app.notes (id, title) VALUES (1, 'later')")
    await until('it is offline', () => tab.run(({ db }) => db.sync.status.state === 'offline'))
    expect(await server.sql('SELECT id FROM app.notes', server.mint())).toEqual([])
    await tab.run(({ db }) => db.sync.start())
    await tab.synced()
    expect(await server.sql('SELECT id FROM app.notes', server.mint())).toEqual([{ id: 1 }])
  })

  it('the server may be killed and come back', async () => {
    const [one, two] = [await device(), await device()]
    await one.query("INSERT INTO app.notes (id, title) VALUES (1, 'before')")
    await converge(one, two)
    await server.kill()
    await one.query("INSERT INTO app.notes (id, title) VALUES (2, 'meanwhile')")
    await two.query("UPDATE app.notes SET title = 'changed' WHERE id = 1")
    await until('it is noticed', () => one.run(({ db }) => db.sync.status.state !== 'live'))
    await server.start()
    expect(await converge(one, two)).toMatchObject([
      { id: 1, title: 'changed' },
      { id: 2, title: 'meanwhile' }
    ])
  })

  it('a new device gets everything as a snapshot', async () => {
    const one = await device()
    await one.run(async ({ db }) => {
      for (let from = 0; from < 5_000; from += 500) {
        const rows = Array.from({ length: 500 }, (_, at) => `(${from + at}, 'note ${from + at}')`)
        await db.query(`INSERT INTO app.notes (id, title) VALUES ${rows.join(', ')}`)
      }
      await db.sync.waitFor('synced', { timeout: 50_000 })
    })
    const two = await world.tab()
    await two.open(options())
    await two.synced()
    expect(await two.query('SELECT count(*) AS n FROM app.notes')).toEqual([{ n: 5_000 }])
    await converge(one, two)
  })
})

describe('tabs of a device', () => {
  it('share one connection, and go on when its tab is closed', async () => {
    const [leader, follower] = [await world.ownTab(), await world.ownTab()]
    await leader.open(options())
    await follower.open(options())
    await leader.query(NOTES_COUNTED)
    await leader.synced()
    const other = await device()
    await leader.close()
    await follower.query("INSERT INTO app.notes (id, title) VALUES (1, 'by the follower')")
    await converge(follower, other)
    expect(await other.query('SELECT title FROM app.notes')).toEqual([{ title: 'by the follower' }])
  })

  it('hear of a follower’s write what the server decides', async () => {
    const [leader, follower] = [await world.ownTab(), await world.ownTab()]
    await leader.open(options())
    await follower.open(options())
    await follower.query(NOTES_COUNTED)
    await follower.run(async ({ db }) => {
      const write = await db.query("INSERT INTO app.notes (id, title) VALUES (1, 'x')")
      await write.persisted()
      await write.synced()
    })
    expect(await server.sql('SELECT id FROM app.notes', server.mint())).toEqual([{ id: 1 }])
    const statuses = await Promise.all([leader, follower].map((tab) => tab.run(({ db }) => db.sync.status.device)))
    expect(statuses[0]).toBe(statuses[1])
  })
})
