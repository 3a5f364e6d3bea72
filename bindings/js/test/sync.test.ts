import { describe, expect, it } from 'vitest'
import { KalamError } from '../src/index.js'
import { World } from './support/world.js'

const sync = { url: 'https://db.example.com', token: 'secret' }
const insert = 'INSERT INTO app.kv (k, v) VALUES ($1, $2)'

describe('sync', () => {
  it('starts with the database, and its status is one object until it changes', async () => {
    const world = new World()
    const db = await world.open({ sync })
    expect(world.engine.calls).toEqual(['start https://db.example.com'])
    await world.advance(100)
    const before = db.sync.status
    expect(before).toMatchObject({ state: 'connecting', pending: 0, rejected: 0, device: 'device' })
    expect(Object.isFrozen(before)).toBe(true)
    expect(db.sync.status).toBe(before)
    const seen: string[] = []
    const stop = db.sync.subscribe(() => seen.push(db.sync.status.state))
    world.engine.become('live')
    await world.advance(100)
    expect(db.sync.status).not.toBe(before)
    world.engine.callbacks.changed()
    await world.advance(100)
    expect(seen).toEqual(['live'])
    await db.query(insert, ['a', 1])
    await world.advance(100)
    expect(db.sync.status.pending).toBe(1)
    stop()
    await db.sync.stop()
    await world.advance(100)
    expect(db.sync.status.state).toBe('offline')
    expect(seen.at(-1)).toBe('live')
    await db.close()
  })

  it('takes addresses as people write them, and starts again with the same', async () => {
    const world = new World()
    const started = async (url: string): Promise<string[]> => {
      const db = await world.open({ sync: { url, token: 'secret' } })
      await db.sync.start()
      const { calls } = world.engine
      await db.close()
      return calls
    }
    for (const [url, address] of [
      ['HTTPS://DB.example.com', 'https://db.example.com'],
      ['https:db.example.com/', 'https://db.example.com'],
      [' wss://db.example.com/of/ada ', 'wss://db.example.com/of/ada'],
      ['http://127.0.0.1:7171/v1/sync', 'http://127.0.0.1:7171/v1/sync']
    ] as const)
      expect(await started(url), url).toEqual([`start ${address}`, `start ${address}`])
  })

  it('waits until it is synced, from when it is asked', async () => {
    const world = new World()
    const db = await world.open({ sync })
    world.engine.become('live', true)
    await world.advance(100)
    let isSynced = false
    const waiting = db.sync.waitFor('synced').then(() => (isSynced = true))
    await world.advance(100)
    expect(isSynced).toBe(false)
    expect(world.engine.calls.at(-1)).toBe('probe')
    world.engine.become('live', true)
    await world.advance(100)
    await waiting
    await db.sync.waitFor('live')
    await db.close()
  })

  it('does not wait for what cannot come', async () => {
    const world = new World()
    const without = await world.open({ name: 'alone' })
    await expect(without.sync.waitFor('synced')).rejects.toMatchObject({ kind: 'invalid', code: 'sync_not_started' })
    await expect(without.sync.start()).rejects.toMatchObject({ code: 'sync_not_started' })
    await expect(without.sync.waitFor('soon' as never)).rejects.toMatchObject({ code: 'bad_goal' })
    const db = await world.open({ sync })
    const error = { kind: 'unauthorized' as const, code: 'bad_token', message: 'the token is refused' }
    const status = world.engine.status.bind(world.engine)
    world.engine.status = () => ({ ...status(), error })
    const blocked = expect(db.sync.waitFor('live')).rejects.toMatchObject({ kind: 'unauthorized', code: 'bad_token' })
    world.engine.become('blocked')
    await world.advance(100)
    await blocked
    expect(db.sync.status.error).toBeInstanceOf(KalamError)
    await Promise.all([without.close(), db.close()])
  })

  it('is given up with a signal, a time limit, and the database', async () => {
    const world = new World()
    const db = await world.open({ sync })
    await expect(db.sync.waitFor('live', { timeout: 5 })).rejects.toMatchObject({ kind: 'retry', code: 'timeout' })
    await expect(db.sync.waitFor('live', { signal: AbortSignal.abort(new Error('now')) })).rejects.toThrow('now')
    const controller = new AbortController()
    const aborted = expect(db.sync.waitFor('live', { signal: controller.signal })).rejects.toThrow('later')
    controller.abort(new Error('later'))
    await aborted
    const closed = expect(db.sync.waitFor('live')).rejects.toMatchObject({ code: 'database_closed' })
    await db.close()
    await closed
  })

  it('stays stopped for all tabs, with another leader too', async () => {
    const world = new World()
    const a = await world.open({ sync })
    const b = await world.open({ sync })
    await a.sync.stop()
    await world.settle()
    world.workers[0]!.terminate()
    await world.settle()
    expect(b.tabs.role).toBe('leader')
    expect(world.engine.calls).toEqual(['stop'])
    await b.sync.start()
    expect(world.engine.calls).toEqual(['stop', 'start https://db.example.com'])
    const later = await world.open({ sync: { ...sync, start: false } })
    expect(world.engine.calls.length).toBe(2)
    await Promise.all([b.sync.stop(), b.sync.start(), b.sync.stop()])
    expect(world.engine.calls.slice(2)).toEqual(['stop', 'start https://db.example.com', 'stop'])
    await Promise.all([b.close(), later.close()])
  })

  it("asks for a token when it needs one: the leader's page, then others", async () => {
    const world = new World()
    let asked = 0
    const a = await world.open({ sync: { url: sync.url, token: async () => `token ${++asked}` } })
    expect(await world.engine.callbacks.token()).toBe('token 1')
    expect(await world.engine.callbacks.token()).toBe('token 2')
    const b = await world.open({ sync })
    await a.close()
    await world.settle()
    expect(await world.engine.callbacks.token()).toBe('secret')
    const failing = await world.open({
      name: 'failing',
      sync: { url: sync.url, token: () => Promise.reject(new Error('signed out')) }
    })
    await expect(world.engine.callbacks.token()).rejects.toMatchObject({ message: 'Error: signed out' })
    const wrong = await world.open({ name: 'wrong', sync: { url: sync.url, token: () => 5 as never } })
    await expect(world.engine.callbacks.token()).rejects.toMatchObject({ kind: 'unauthorized', code: 'no_token' })
    const none = await world.open({ name: 'none' })
    await expect(world.engine.callbacks.token()).rejects.toMatchObject({ kind: 'unauthorized', code: 'no_token' })
    await Promise.all([b, failing, wrong, none].map((db) => db.close()))
  })

  it('asks a follower if the leader has no token', async () => {
    const world = new World()
    const leader = await world.open()
    const engine = world.engine
    const follower = await world.open({ sync })
    expect(await engine.callbacks.token()).toBe('secret')
    expect(engine.calls).toEqual(['start https://db.example.com'])
    await Promise.all([leader.close(), follower.close()])
  })
})
