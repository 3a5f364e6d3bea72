import { afterEach, describe, expect, it, vi } from 'vitest'
import { applyChanges, compare, decodeChanges, decodeRows, type KeyedRows } from '../src/live/rows.js'
import { Entry } from '../src/client/entry.js'
import { Feeds } from '../src/client/feeds.js'
import { Inbox } from '../src/client/inbox.js'
import { LiveSource } from '../src/live/source.js'
import type { LivePatch } from '../src/protocol.js'
import { allSteps, PLAIN_VALUES } from '../src/values/decode.js'
import { KalamError, type LiveEvent } from '../src/index.js'
import { concat, packRows } from './support/pack.js'
import { keyBytes, packChanges, SHOWS } from './support/engine.js'
import { World } from './support/world.js'

const insert = 'INSERT INTO app.kv (k, v) VALUES ($1, $2)'
interface Kv {
  k: string
  v: number
}
const all = 'SELECT k, v FROM app.kv ORDER BY k'

const packed = (rows: readonly (readonly [string, number])[]): Uint8Array =>
  concat([packRows('SELECT', ['k', 'v'], rows), ...rows.map(([key]) => keyBytes(key)), SHOWS])
const keyed = (rows: readonly (readonly [string, number])[]): KeyedRows<Kv> =>
  allSteps(decodeRows(packed(rows), PLAIN_VALUES))

describe('changes', () => {
  it('applied to rows give the rows after, whatever they are', () => {
    let seed = 7
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below
    for (let round = 0; round < 300; round++) {
      const state = (): [string, number][] => {
        const keys = Array.from({ length: random(12) }, () => `k${random(20)}`)
        const rows = [...new Set(keys)].map((key): [string, number] => [key, random(3)])
        return rows.sort()
      }
      const before = state()
      const after = state()
      const bytes = packChanges(before, after)
      const old = keyed(before)
      const { next, changes } =
        bytes === undefined
          ? { next: old, changes: [] }
          : applyChanges(old, allSteps(decodeChanges<Kv>(bytes, PLAIN_VALUES)))
      const message = `round ${round}: ${JSON.stringify([before, after])}`
      expect(next.rows, message).toEqual(after.map(([k, v]) => ({ k, v })))
      expect(next.keys, message).toEqual(after.map(([k]) => k))
      for (const [at, row] of next.rows.entries()) {
        const same = old.rows.findIndex((other) => other.k === row.k && other.v === row.v)
        if (same !== -1) expect(row, message).toBe(old.rows[same])
        expect(
          changes.some((change) => change.type !== 'delete' && change.key === next.keys[at]),
          message
        ).toBe(same === -1)
      }
      expect(
        changes
          .filter((change) => change.type === 'delete')
          .map((change) => change.row.k)
          .sort(),
        message
      ).toEqual(before.filter(([key]) => !after.some(([other]) => other === key)).map(([key]) => key))
      expect(compare(old, keyed(after)).next.rows, message).toEqual(next.rows)
    }
  })

  it('of a row that only moved keep the object', () => {
    const old = keyed([
      ['a', 1],
      ['b', 2]
    ])
    const moved = keyed([
      ['b', 2],
      ['a', 1]
    ])
    const { next, changes } = compare(old, moved)
    expect(next.rows[0]).toBe(old.rows[1])
    expect(changes.map((change) => change.type)).toEqual(['update', 'update'])
  })
})

describe('many rows', () => {
  const rows = Array.from({ length: 5_000 }, (_, at): [string, number] => [`k${10_000 + at}`, at])
  const more: [string, number][] = [...rows, ['z', 1]]
  /** Every row is one more, but the first one 77. */
  const added = (by: number) => rows.map(([k, v], at): [string, number] => [k, at === 0 ? 77 : v + by])

  /** A page whose clock goes on by half a slice each time it is looked at. */
  function reading() {
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 4))
    const inbox = new Inbox()
    const feeds = new Feeds((plan) => new Entry(1, plan))
    /** What the engine says in one message. */
    const say = (patches: LivePatch[], answered = (): void => {}): void =>
      inbox.add(
        (function* () {
          const show = yield* feeds.read({ replies: [], patches, bytes: '' }, new Uint8Array())
          answered()
          show()
        })()
      )
    const query = () => {
      const source = new LiveSource<Kv>(
        (sink) => feeds.open({ text: '', params: new Uint8Array() }, sink),
        PLAIN_VALUES
      )
      const events: LiveEvent<Kv>[] = []
      const failed = vi.fn()
      const listen = () => source.listen({ event: (event) => events.push(event), failed })
      return { source, events, failed, listen, stop: listen() }
    }
    return { inbox, feeds, say, query, ...query() }
  }
  const tasks = async (): Promise<void> => {
    for (let count = 0; count < 100; count++) await new Promise((resolve) => setTimeout(resolve))
  }

  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
  })

  it('are read in tasks of their own, and what comes meanwhile waits', async () => {
    const { source, events, failed, say } = reading()
    say([{ live: 1, rows: packed(rows) }])
    expect(source.snapshot.status).toBe('loading')
    say([{ live: 1, changes: packChanges(rows, more)! }])
    say([{ live: 1, rows: packed(rows.slice(0, 4_999)) }])
    say([{ live: 1, changes: packChanges(rows.slice(0, 4_999), more)! }])
    await expect.poll(() => events.length).toBe(4)
    const seen = events.map((event) => [event.rows.length, event.changes?.length])
    expect(seen).toEqual([[5_000, undefined], [5_001, 1], [4_999, 2], [5_001, 2]]) // prettier-ignore
    expect(source.snapshot.rows).toEqual(more.map(([k, v]) => ({ k, v })))
    expect(failed).not.toHaveBeenCalled()
  })

  it('of a transaction show together with its few in another query, and before it is answered', async () => {
    const { source: many, say, query } = reading()
    const { source: few } = query()
    const seen: (readonly number[])[] = []
    const look = (): void => void seen.push([many.snapshot.rows.length, few.snapshot.rows.length])
    say(
      [
        { live: 2, rows: packed([['a', 1]]) },
        { live: 1, rows: packed(rows) }
      ],
      () => queueMicrotask(look)
    )
    look()
    for (let count = 0; count < 100; count++) await new Promise((resolve) => setTimeout(resolve)).then(look)
    expect(new Set(seen.map(String))).toEqual(new Set(['0,0', '5000,1']))
  })

  it('are read at once when too much waits', () => {
    const { source, say } = reading()
    say([{ live: 1, rows: packed(rows) }])
    for (let count = 0; count < 256; count++) say([])
    expect(source.snapshot.rows.length).toBe(5_000)
  })

  it('do not let an update that was shown fall back while they are read', async () => {
    const { source, events, say } = reading()
    say([{ live: 1, rows: packed(rows) }])
    await expect.poll(() => events.length).toBe(1)
    const [first] = rows[0]!
    const edit = { table: 'app.kv', key: new Map([['k', first]]), changes: new Map([['v', 77]]) }
    const answered = source.echo(edit)!
    expect(source.snapshot.rows[0]).toEqual({ k: first, v: 77 })
    const others = added(1).with(0, rows[0]!)
    say([{ live: 1, changes: packChanges(rows, others)! }])
    // As the journal does: who waits for the answer goes on when all of the message is done.
    say([{ live: 1, changes: packChanges(others, added(2))! }], () => queueMicrotask(answered))
    expect(events.length, 'nothing of it is read yet').toBe(2)
    await expect.poll(() => source.snapshot.rows[1]?.v).toBe(3)
    await tasks()
    expect(events.slice(1).map((event) => event.rows[0]?.v)).toEqual([77, 77, 77])
  })

  it('are dropped with what came behind when the query fails', async () => {
    const { source, events, failed, feeds, say } = reading()
    say([{ live: 1, rows: packed(rows) }])
    say([{ live: 1, changes: packChanges(rows, more)! }])
    feeds.end(new KalamError('closed', 'database_closed', 'gone'))
    const broken = reading()
    broken.say([{ live: 1, rows: packed(rows) }])
    broken.say([{ live: 1, changes: packChanges(rows, more)!.subarray(0, -20) }])
    broken.say([{ live: 1, changes: packChanges(more, rows)! }])
    await expect.poll(() => broken.failed.mock.calls.length).toBe(1)
    await tasks()
    expect([events.length, failed.mock.calls.length, source.snapshot.status]).toEqual([0, 1, 'error'])
    expect([broken.events.length, broken.failed.mock.calls.length]).toEqual([1, 1])
    expect(broken.source.snapshot.error).toMatchObject({ kind: 'internal' })
  })

  it('are dropped when nobody waits for them any more, and come again to who asks again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { source, events, stop, listen, say } = reading()
    say([{ live: 1, rows: packed(rows) }])
    say([{ live: 1, changes: packChanges(rows, more)! }])
    stop()
    vi.advanceTimersByTime(5_000)
    listen()
    vi.useRealTimers()
    await tasks()
    expect([events, source.snapshot.status]).toEqual([[], 'loading'])
    say([{ live: 2, rows: packed(more) }])
    await expect.poll(() => events.map((event) => event.rows.length)).toEqual([5_001])
  })
})

describe('a live query', () => {
  it('gives all rows, then changes; snapshots and rows are stable', async () => {
    const world = new World()
    const db = await world.open()
    await db.query(insert, ['a', 1])
    const live = db.query<Kv>(all).live()
    expect(live.getSnapshot()).toEqual({ rows: [], status: 'loading' })
    const events: LiveEvent<Kv>[] = []
    const stop = live.onChange((event) => events.push(event))
    await live.ready
    const first = live.getSnapshot()
    expect(first).toEqual({ rows: [{ k: 'a', v: 1 }], status: 'live' })
    expect(live.getSnapshot()).toBe(first)
    expect(events).toEqual([{ rows: first.rows, changes: null }])
    await db.query(insert, ['b', 2])
    await world.settle()
    const second = live.getSnapshot()
    expect(second.rows[0]).toBe(first.rows[0])
    expect(events[1]).toEqual({
      rows: second.rows,
      changes: [{ type: 'insert', key: 'b', row: { k: 'b', v: 2 }, index: 1 }]
    })
    await db.query('DELETE FROM app.kv WHERE k = $1', ['a'])
    await db.query('UPDATE app.kv SET v = $2 WHERE k = $1', ['b', 3])
    await world.settle()
    expect(events.slice(2).map((event) => event.changes)).toEqual([
      [{ type: 'delete', key: 'a', row: { k: 'a', v: 1 }, index: 0 }],
      [{ type: 'update', key: 'b', row: { k: 'b', v: 3 }, index: 0 }]
    ])
    stop()
    live.close()
    expect(() => live.subscribe(() => {})).toThrow('the live query is closed')
    await db.close()
  })

  it('of the same text and parameters is one in the engine, in all tabs', async () => {
    const world = new World()
    const [a, b] = [await world.open(), await world.open()]
    const lives = [a!.query<Kv>(all).live(), a!.query<Kv>(all).live(), b!.query<Kv>(all).live()]
    await Promise.all(lives.map((live) => live.ready))
    expect(world.engine.lives.size).toBe(1)
    const other = a!.query<Kv>('SELECT k, v FROM app.kv WHERE k >= $1 ORDER BY k', ['m']).live()
    await other.ready
    expect(world.engine.lives.size).toBe(2)
    await b!.query(insert, ['x', 1])
    await world.settle()
    for (const live of [...lives, other]) expect(live.getSnapshot().rows).toEqual([{ k: 'x', v: 1 }])
    expect(lives[0]!.getSnapshot()).toBe(lives[1]!.getSnapshot())
    await Promise.all([a!.close(), b!.close()])
  })

  it('beyond a thousand is refused, until others are closed', async () => {
    const world = new World()
    const db = await world.open()
    const open = (at: number) => db.query<Kv>('SELECT k, v FROM app.kv WHERE k >= $1 ORDER BY k', [`${at}`]).live()
    const lives = Array.from({ length: 1_024 }, (_, at) => open(at))
    await Promise.all(lives.map((live) => live.ready))
    const refused = { kind: 'quota', code: 'too_many_live_queries', message: expect.stringContaining('close some') }
    await expect(open(1_024).ready).rejects.toMatchObject(refused)
    const shared = open(0)
    await shared.ready
    lives[7]!.close()
    await expect.poll(() => world.settle().then(() => world.engine.lives.size), { timeout: 5_000 }).toBe(1_023)
    const next = open(1_024)
    await next.ready
    await db.close()
  })

  it('ends when nobody uses it, after a while', async () => {
    const world = new World()
    const db = await world.open()
    const live = db.query<Kv>(all).live()
    const stop = live.subscribe(() => {})
    await world.settle()
    expect(world.engine.lives.size).toBe(1)
    stop()
    live.subscribe(() => {})()
    await expect.poll(() => world.settle().then(() => world.engine.lives.size), { timeout: 5_000 }).toBe(0)
    await db.close()
  })

  it('can be iterated; a slow loop is given all rows at once', async () => {
    const world = new World()
    const db = await world.open()
    const seen: LiveEvent<Kv>[] = []
    for await (const event of db.query<Kv>(all).live()) {
      seen.push(event)
      if (seen.length === 1) {
        for (let at = 0; at < 1_100; at++) {
          await db.query(insert, [`k${String(at).padStart(4, '0')}`, at])
        }
        await world.settle()
      }
      if (event.rows.length === 1_100) break
    }
    expect(seen.length).toBeLessThan(1_100)
    expect(seen[1]?.changes).toBeNull()
    await db.close()
  })

  it('says what is wrong with it', async () => {
    const db = await new World().open()
    const live = db.query('SELECT 1 FROM a JOIN b').live()
    await expect(live.ready).rejects.toMatchObject({ kind: 'invalid', code: 'live_one_table' })
    expect(live.getSnapshot()).toMatchObject({ status: 'error', rows: [], error: { code: 'live_one_table' } })
    const failing = db.query('SELECT 2 FROM a JOIN b').live()
    await expect(
      (async () => {
        for await (const _ of failing) throw new Error('no rows')
      })()
    ).rejects.toMatchObject({ code: 'live_one_table' })
    expect(() => db.query(all, [Symbol('x')]).live()).toThrow('parameter 1 is a symbol')
    await db.close()
  })

  it('ends with its signal, and with the database', async () => {
    const world = new World()
    const db = await world.open()
    const controller = new AbortController()
    const live = db.query<Kv>(all).signal(controller.signal).live()
    const loop = (async () => {
      for await (const { rows } of live) expect(rows).toEqual([])
    })()
    await world.settle()
    controller.abort(new Error('enough'))
    await expect(loop).rejects.toThrow('enough')
    const aborted = db
      .query<Kv>(all)
      .signal(AbortSignal.abort(new Error('before')))
      .live()
    await expect(aborted.ready).rejects.toThrow('before')
    const open = db.query<Kv>(all).live()
    await open.ready
    await db.close()
    expect(open.getSnapshot()).toMatchObject({ status: 'error', error: { code: 'database_closed' } })
  })

  it('goes on after a crash and with another leader, with the rows that are the same', async () => {
    const world = new World()
    const leader = await world.open()
    const db = await world.open()
    await leader.query(insert, ['a', 1])
    await (await leader.query(insert, ['b', 1])).persisted()
    const live = db.query<Kv>(all).live()
    const events: LiveEvent<Kv>[] = []
    live.onChange((event) => events.push(event))
    await live.ready
    const before = live.getSnapshot()
    world.workers[0]!.terminate()
    await world.settle()
    expect(live.getSnapshot()).toBe(before)
    expect(events.length).toBe(1)
    await db.query(insert, ['c', 1])
    await world.settle()
    expect(live.getSnapshot().rows.map((row) => row.k)).toEqual(['a', 'b', 'c'])
    expect(live.getSnapshot().rows[0]).toBe(before.rows[0])
    expect(events[1]?.changes?.length).toBe(1)
    await db.close()
  })

  it('ends when its table goes', async () => {
    const world = new World()
    const db = await world.open()
    const live = db.query<Kv>(all).live()
    await live.ready
    world.engine.isTableGone = true
    world.engine.callbacks.changed()
    await world.settle()
    expect(live.getSnapshot()).toMatchObject({ status: 'error', error: { code: 'unknown_table' } })
    expect(world.engine.lives.size).toBe(0)
    world.engine.isTableGone = false
    const again = db.query<Kv>(all).live()
    await again.ready
    expect(again.getSnapshot().status).toBe('live')
    await db.close()
  })

  it('that begins late has the rows of those that began before', async () => {
    const world = new World()
    const a = await world.open()
    const b = await world.open()
    const early = a.query<Kv>(all).live()
    await early.ready
    await a.query(insert, ['a', 1])
    const late = b.query<Kv>(all).live()
    await late.ready
    expect(late.getSnapshot().rows).toEqual([{ k: 'a', v: 1 }])
    await b.query(insert, ['b', 1])
    await world.settle()
    expect(late.getSnapshot().rows).toEqual(early.getSnapshot().rows)
    await Promise.all([a.close(), b.close()])
  })

  it('that crashes the engine is given up', async () => {
    const world = new World()
    const db = await world.open()
    await expect(db.query('PANIC LIVE').live().ready).rejects.toMatchObject({
      kind: 'internal',
      code: 'worker_crashed'
    })
    expect(await db.query('SELECT k, v')).toEqual([])
    await db.close()
  })
})
