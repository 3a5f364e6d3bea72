/** What the server, or the device, does not accept. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { otherVersion } from './support/other-version.js'
import { useServer } from './support/server.js'
import type { Tab } from './support/tab.js'
import { NOTES } from './support/tables.js'
import { until } from './support/until.js'
import { Wire } from './support/wire.js'
import { useWorld } from './support/world.js'

const world = useWorld()
const server = useServer()

const open = (tab: Tab, token: string, url = server.url): Promise<Tab> =>
  tab.open({ name: 'refused', sync: { url, token } })
const device = async (token = server.mint(), url?: string): Promise<Tab> => {
  const tab = await open(await world.tab(), token, url)
  await tab.query(NOTES)
  return tab
}

const status = (tab: Tab) =>
  tab.run(({ db }) => {
    const { state, pending, rejected, held, error } = db.sync.status
    return {
      state,
      pending,
      rejected,
      held,
      error: error && { kind: error.kind, code: error.code, message: error.message }
    }
  })

const inState = (tab: Tab, state: string) => until(`sync is ${state}`, async () => (await status(tab)).state === state)

describe('a write that the server refuses', () => {
  it('leaves the table, is in the list, and its synced() rejects', async () => {
    const wires = [await new Wire(server.url).start(), await new Wire(server.url).start()] as const
    const [one, two] = [await device(undefined, wires[0].url), await device(undefined, wires[1].url)]
    await one.synced()
    await two.synced()
    for (const wire of wires) wire.cut()
    await one.query("INSERT INTO app.notes VALUES (1, 'of one')")
    await two.run(({ db, kept }) => {
      kept.outcome = (async () => {
        const write = await db.query("INSERT INTO app.notes VALUES (1, 'of two')")
        await write.synced()
      })().then(
        () => 'taken',
        (error) => ({ name: error.name, kind: error.kind, code: error.code, rejected: error.rejected })
      )
    })
    wires[0].mend()
    await one.synced()
    wires[1].mend()
    expect(await two.run(({ kept }) => kept.outcome)).toMatchObject({
      name: 'KalamError',
      kind: 'conflict',
      code: 'duplicate_key',
      rejected: { changes: [{ table: 'app.notes', op: 'insert', key: expect.stringContaining('1') as string }] }
    })
    expect(await two.query('SELECT title FROM app.notes')).toEqual([{ title: 'of one' }])
    const [write, ...others] = await two.run(({ db }) => db.sync.rejected())
    expect(write).toMatchObject({ kind: 'conflict', code: 'duplicate_key' })
    expect(others).toEqual([])
    await until('the status says so', async () => (await status(two)).rejected === 1)
    expect(await status(two)).toMatchObject({ state: 'live', pending: 0 })
    await two.run(({ db }, number) => db.sync.dismiss(number), write?.number ?? 0)
    expect(await two.run(({ db }) => db.sync.rejected())).toEqual([])
    await expect(two.run(({ db }) => db.sync.dismiss(99))).rejects.toMatchObject({
      kind: 'invalid',
      code: 'not_rejected'
    })
    for (const wire of wires) await wire.stop()
  })
})

describe('tokens', () => {
  it('of another user are blocked, and nothing is lost', async () => {
    const tab = await device()
    await tab.write("INSERT INTO app.notes VALUES (1, 'mine')")
    await tab.synced()
    await tab.run(({ db }) => db.sync.stop())
    await tab.write("INSERT INTO app.notes VALUES (2, 'not sent')")
    await tab.reload()
    await open(tab, server.mint('somebody-else'))
    await inState(tab, 'blocked')
    expect((await status(tab)).error).toMatchObject({ kind: 'unauthorized', code: 'other_user' })
    expect(await tab.query('SELECT id FROM app.notes ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }])
    await expect(tab.synced()).rejects.toMatchObject({ kind: 'unauthorized', code: 'other_user' })
    await tab.reload()
    await open(tab, server.mint())
    await tab.synced()
    expect(await server.sql('SELECT id FROM app.notes ORDER BY id', server.mint())).toEqual([{ id: 1 }, { id: 2 }])
    expect(await server.sql('SELECT id FROM app.notes', server.mint('somebody-else'))).toEqual([])
  })

  it('that are wrong are told, and the rows stay usable', async () => {
    const tab = await device('not.a.token')
    await tab.write("INSERT INTO app.notes VALUES (1, 'x')")
    const { error } = await until('there is an error', async () => {
      const now = await status(tab)
      return now.error !== undefined && now
    })
    expect(error).toMatchObject({ kind: 'unauthorized', message: expect.stringContaining('token') as string })
    await until('the write waits', async () => (await status(tab)).pending === 1)
    expect(await tab.query('SELECT id FROM app.notes')).toEqual([{ id: 1 }])
  })

  it('that expire are asked for again, and the connection goes on', async () => {
    const tab = await world.tab()
    let asked = 0
    await tab.page.exposeFunction('mint', () => {
      asked++
      return server.mint(server.user, ['--declare', '--ttl', '6s'])
    })
    await tab.run(async (api, url) => {
      const token = () => (globalThis as unknown as { mint(): Promise<string> }).mint()
      api.db = await api.kalam.open({ name: 'refused', sync: { url, token } })
      api.kept.states = []
      api.db.sync.subscribe(() => api.kept.states.push(api.db.sync.status.state))
    }, server.url)
    await tab.query(NOTES)
    await tab.synced()
    await until('a token was asked for twice more', () => asked >= 3)
    await tab.run(({ kept }) => void (kept.states.length = 0))
    await tab.write("INSERT INTO app.notes VALUES (1, 'with a new token')")
    await tab.synced()
    expect(await server.sql('SELECT id FROM app.notes', server.mint())).toEqual([{ id: 1 }])
    // A newer token goes over the same connection.
    expect(await tab.run(({ kept }) => kept.states.filter((state: string) => state !== 'live'))).toEqual([])
  })

  it('that a function does not give are told', async () => {
    const tab = await world.tab()
    await tab.run(async (api, url) => {
      api.db = await api.kalam.open({
        name: 'refused',
        sync: { url, token: () => Promise.reject(new Error('the session is over')) }
      })
    }, server.url)
    const { error } = await until('there is an error', async () => {
      const now = await status(tab)
      return now.error !== undefined && now
    })
    expect(error?.message).toContain('the session is over')
  })
})

describe('an address', () => {
  it('where nobody answers leaves the database usable', async () => {
    const tab = await device(server.mint(), 'http://127.0.0.1:9')
    await tab.write("INSERT INTO app.notes VALUES (1, 'x')")
    await inState(tab, 'waiting')
    expect((await status(tab)).error).toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('no KalamDB server answers there') as string
    })
    await expect(tab.run(({ db }) => db.sync.waitFor('synced', { timeout: 300 }))).rejects.toMatchObject({
      kind: 'retry',
      code: 'timeout'
    })
  })

  it('of something else than KalamDB is told', async () => {
    const site = createServer((_, response) => response.end('<!doctype html>'))
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
    const tab = await device(server.mint(), `http://127.0.0.1:${(site.address() as AddressInfo).port}`)
    await inState(tab, 'waiting')
    expect((await status(tab)).error).toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('no KalamDB server answers there') as string
    })
    site.close()
  })

  it('of a server of another version blocks', async () => {
    const other = await otherVersion()
    const tab = await device(server.mint(), other.url)
    await tab.write("INSERT INTO app.notes VALUES (1, 'x')")
    await inState(tab, 'blocked')
    expect((await status(tab)).error).toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining('version') as string
    })
    await until('the write waits', async () => (await status(tab)).pending === 1)
    other.stop()
  })
})

it('a table that the server has in another form holds the writes back and says so', async () => {
  await server.sql('CREATE NAMESPACE IF NOT EXISTS app')
  await server.sql('CREATE USER TABLE app.form (id INT PRIMARY KEY, title BIGINT)')
  const tab = await world.tab()
  await tab.open({ name: 'refused' })
  await tab.query(`${NOTES.split(';')[0]}; CREATE USER TABLE app.form (id INT PRIMARY KEY, title TEXT)`)
  await tab.write("INSERT INTO app.form VALUES (1, 'text')")
  await tab.reload()
  await open(tab, server.mint())
  const held = await until('the writes are held', async () => {
    const now = await status(tab)
    return now.held && now
  })
  expect(held).toMatchObject({ pending: 1, error: { kind: 'invalid', code: 'schema_differs' } })
  expect(held.error?.message).toContain('app.form')
  expect(await tab.query('SELECT title FROM app.form')).toEqual([{ title: 'text' }])
})

it('a token that may not declare tables holds the writes back and says so', async () => {
  const tab = await world.tab()
  await tab.open({ name: 'refused', sync: { url: server.url, token: server.mint(server.user, []) } })
  await tab.query(`${NOTES.split(';')[0]}; CREATE USER TABLE app.undeclared (id INT PRIMARY KEY)`)
  await tab.write('INSERT INTO app.undeclared VALUES (1)')
  const held = await until('the writes are held', async () => {
    const now = await status(tab)
    return now.held && now
  })
  expect(held).toMatchObject({ pending: 1, error: { code: 'schema_missing' } })
})
