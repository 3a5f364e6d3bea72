/** Tabs that are killed and workers that crash: what was promised stays, and nothing takes effect twice. */
import { describe, expect, it } from 'vitest'
import type { PageError, Tab } from './support/tab.js'
import { COUNTED } from './support/tables.js'
import { until } from './support/until.js'
import { useWorld } from './support/world.js'
import { check, ids, stop, writing } from './support/writing.js'

const world = useWorld()

const open = async (): Promise<Tab> => (await world.ownTab()).open({ name: 'crash' }, COUNTED)

describe('a tab that is killed in mid-write', { retry: 0 }, () => {
  for (const how of ['close', 'crash'] as const) {
    it(`by ${how} loses nothing that was persisted`, async () => {
      const tab = await open()
      const promised = await writing(tab, 'w')
      await until('it has written', () => promised.length > 50)
      await tab[how]()
      await check(await open(), promised)
    })
  }

  it('hands the lead to another one, which sends its own writes again', async () => {
    const [leader, follower] = [await open(), await open()]
    const promised = await writing(follower, 'f')
    await until('it writes through the leader', () => promised.length > 20)
    const before = promised.length
    await leader.crash()
    await until('it writes by itself', () => promised.length > before + 20)
    expect(await stop(follower)).toBeUndefined()
    expect(await follower.role()).toBe('leader')
    await check(follower, promised)
    await follower.reload()
    await follower.open({ name: 'crash' })
    await check(follower, promised)
  })
})

describe('a worker that crashes', { retry: 0 }, () => {
  const watchRestarts = (tab: Tab): Promise<void> =>
    tab.run(({ db, kept }) => {
      kept.restarts = []
      db.on('restarted', ({ error, writes }) => kept.restarts.push({ kind: error.kind, code: error.code, writes }))
    })
  const restarts = (tab: Tab): Promise<unknown[]> => tab.run(({ kept }) => kept.restarts)

  const CRASHES = {
    'with an error of its own': 'setTimeout(() => { throw new Error("boom") }, 0)',
    'as WebAssembly does where nobody waits for it': 'void Promise.reject(new WebAssembly.RuntimeError("unreachable"))'
  }
  for (const [how, text] of Object.entries(CRASHES)) {
    it(`${how} is started again, and nothing is lost`, async () => {
      const tab = await open()
      await watchRestarts(tab)
      const promised = await writing(tab, 'w')
      await until('it writes', () => promised.length > 20)
      await tab.inWorker(text)
      await until('it is told', async () => (await restarts(tab)).length > 0)
      const before = promised.length
      await until('it writes again', () => promised.length > before + 20)
      expect(await stop(tab)).toBeUndefined()
      expect(await restarts(tab)).toMatchObject([{ kind: 'internal', code: 'worker_crashed' }])
      await check(tab, promised)
      await tab.reload()
      await tab.open({ name: 'crash' })
      await check(tab, promised)
    })
  }

  it('of a statement is started again, and the statement is not tried again', async () => {
    const tab = await open()
    await watchRestarts(tab)
    await tab.write("INSERT INTO app.notes (id) VALUES ('before')")
    await tab.inWorker(`const { Session } = await import('/dist/wasm/engine/kalamdb_wasm.js')
      Session.prototype.execute = () => { throw new WebAssembly.RuntimeError('unreachable') }`)
    await expect(tab.query("INSERT INTO app.notes (id) VALUES ('the cause')")).rejects.toMatchObject({
      kind: 'internal',
      code: 'worker_crashed'
    })
    await tab.write("INSERT INTO app.notes (id) VALUES ('after')")
    expect(await ids(tab)).toEqual(['after', 'before'])
    expect(await restarts(tab)).toHaveLength(1)
  })

  it('of a leader does not trouble its followers', async () => {
    const [leader, follower] = [await open(), await open()]
    const promised = await writing(follower, 'f')
    await until('it writes', () => promised.length > 20)
    await leader.inWorker('setTimeout(() => { throw new Error("boom") }, 0)')
    const before = promised.length
    await until('it writes on', () => promised.length > before + 20)
    expect(await stop(follower)).toBeUndefined()
    await check(follower, promised)
    expect(await ids(leader)).toEqual(await ids(follower))
  })

  it('again and again is given up', async () => {
    const tab = await open()
    await watchRestarts(tab)
    await tab.run(({ db, kept }) => void db.on('error', ({ code }) => (kept.ended = code)))
    const crash = 'setTimeout(() => { throw new Error("boom") }, 0)'
    for (let count = 1; count <= 5; count++) {
      await tab.inWorker(crash)
      await until('it is started again', async () => (await restarts(tab)).length === count)
    }
    await tab.inWorker(crash)
    const error = await until('it is given up', () =>
      tab.query('SELECT id FROM app.notes').then(
        () => undefined,
        (of: PageError) => of
      )
    )
    expect(error).toMatchObject({ kind: 'internal', code: 'worker_crashed' })
    expect(error.message).toContain('boom')
    expect(await restarts(tab)).toHaveLength(5)
    expect(await tab.run(({ kept }) => kept.ended)).toBe('worker_crashed')
  })
})
