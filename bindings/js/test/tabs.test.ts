import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Database } from '../src/index.js'
import type { SyncWish } from '../src/protocol.js'
import { type LobbyMessage, TABS_VERSION, type ToFollower } from '../src/worker/messages.js'
import { thrown } from './support/engine.js'
import { refusing, withoutIndexedDb } from './support/refusing.js'
import { World } from './support/world.js'

const insert = 'INSERT INTO app.kv (k, v) VALUES ($1, $2)'
const add = 'UPDATE app.kv SET v = v + $2 WHERE k = $1'

async function tabs(world: World, count: number): Promise<Database<Record<never, never>>[]> {
  const opened = []
  for (let at = 0; at < count; at++) opened.push(await world.open())
  return opened
}

const roles = (databases: readonly Database<Record<never, never>>[]): string[] => databases.map((db) => db.tabs.role)

describe('ten tabs', () => {
  it('have one engine, and see what any of them writes', async () => {
    const world = new World()
    const databases = await tabs(world, 10)
    expect(roles(databases)).toEqual(['leader', ...Array<string>(9).fill('follower')])
    expect(world.engines.length).toBe(1)
    await databases[0]!.query(insert, ['n', 0])
    await Promise.all(databases.flatMap((db) => Array.from({ length: 20 }, () => db.query(add, ['n', 1]).then())))
    for (const db of databases) expect(await db.query('SELECT k, v')).toEqual([{ k: 'n', v: 200 }])
    await Promise.all(databases.map((db) => db.close()))
    expect(world.disks.rows('db')).toEqual({ n: 200 })
  })

  it('may be a hundred, and the next one is told', async () => {
    const world = new World()
    const databases = await tabs(world, 100)
    await expect(world.open()).rejects.toMatchObject({ kind: 'quota', code: 'too_many_tabs' })
    await databases[99]!.close()
    await world.settle()
    const next = await world.open()
    expect(next.tabs.role).toBe('follower')
    await Promise.all([...databases.slice(0, 99), next].map((db) => db.close()))
  })

  it('that close one after another hand the database on', async () => {
    const world = new World()
    const databases = await tabs(world, 10)
    await databases[0]!.query(insert, ['n', 0])
    for (const db of [...databases]) {
      await db.query(add, ['n', 1])
      await db.close()
      await world.settle()
    }
    expect(world.engines.length).toBe(10)
    expect(world.disks.rows('db')).toEqual({ n: 10 })
  })
})

describe('a page that is refused locks', () => {
  it('has the database for itself, in memory', async () => {
    const world = new World()
    world.refusesLocks = true
    withoutIndexedDb(world)
    const [one, other] = await tabs(world, 2)
    expect([roles([one!, other!]), one!.storage.mode]).toEqual([['leader', 'leader'], 'memory'])
    await one!.query(insert, ['a', 1])
    expect(await one!.query('SELECT k, v')).toEqual([{ k: 'a', v: 1 }])
    expect(await other!.query('SELECT k, v')).toEqual([])
    expect(world.channels.size).toBe(0)
    await Promise.all([one!.close(), other!.close()])
  })
})

describe('a tab that greets the leader', () => {
  /** What it is told first: that it is welcome, or why it is not. */
  async function answer(
    world: World,
    info: { user?: string; wish?: SyncWish },
    version = TABS_VERSION
  ): Promise<string | undefined> {
    const Pages = world.pageChannels()
    const [lobby, own] = [new Pages('kalamdb:db'), new Pages('kalamdb:db:tab:x')]
    const told: string[] = []
    own.onmessage = ({ data }) => {
      const message = data as ToFollower
      told.push(message.type === 'ended' ? `${message.error.kind}/${message.error.code}` : message.type)
    }
    const greeting = { tab: 'x', prefix: new Uint8Array(10), tokens: false, ...info }
    lobby.postMessage({ type: 'hello', version, info: greeting } satisfies LobbyMessage)
    await world.settle()
    lobby.close()
    own.close()
    return told[0]
  }

  it('is refused if its build is another one', async () => {
    const world = new World()
    const db = await world.open()
    expect(await answer(world, {})).toBe('welcome')
    for (const version of [TABS_VERSION - 1, TABS_VERSION + 1])
      expect(await answer(world, {}, version)).toBe('closed/other_version')
    await db.close()
  })

  it('is refused if it is of another user, and what it wishes does not count', async () => {
    const world = new World()
    const sync = { url: 'https://db.example.com', token: 'secret', user: 'ada', start: false }
    const db = await world.open({ sync })
    const wish = { url: 'https://elsewhere.example.com', at: 5 }
    expect(await answer(world, { user: 'ben', wish })).toBe('unauthorized/other_user')
    expect(world.engine.calls).toEqual([])
    await expect(world.open({ sync: { ...sync, user: 'ben' } })).rejects.toMatchObject({
      kind: 'unauthorized',
      code: 'other_user'
    })
    expect(await answer(world, { user: 'ada' })).toBe('welcome')
    expect(await answer(world, { wish })).toBe('welcome')
    expect(world.engine.calls).toEqual([`start ${wish.url}`])
    await db.close()
  })
})

describe('a tab that says whose rows they are', () => {
  it('decides it if nobody has', async () => {
    const world = new World()
    const sync = { url: 'https://db.example.com', token: 'secret', start: false }
    const leader = await world.open({ sync })
    const ben = await world.open({ sync: { ...sync, user: 'ben' } })
    expect(world.engine.user).toBe('ben')
    const other = { kind: 'unauthorized', code: 'other_user' }
    await expect(world.open({ sync: { ...sync, user: 'ada' } })).rejects.toMatchObject(other)
    await leader.query(insert, ['a', 1])
    expect(await ben.query('SELECT k, v')).toEqual([{ k: 'a', v: 1 }])
    await Promise.all([leader.close(), ben.close()])
  })

  it('is refused as soon as the server has said so', async () => {
    const world = new World()
    const sync = { url: 'https://db.example.com', token: 'secret', start: false }
    const leader = await world.open({ sync })
    world.engine.user = 'ada'
    await expect(world.open({ sync: { ...sync, user: 'ben' } })).rejects.toMatchObject({ code: 'other_user' })
    await leader.close()
  })
})

describe('signing out', () => {
  it('ends a tab that has slept for long, too', async () => {
    const world = new World()
    const [leader, sleeper] = await tabs(world, 2)
    await leader!.query(insert, ['a', 1])
    world.workers[1]!.freeze()
    // The leader has forgotten it by then.
    await world.advance(100_000)
    const leaving = leader!.signOut({ discard: true })
    await world.advance(1_000)
    await leaving
    world.workers[1]!.thaw()
    await world.advance(1_000)
    await expect(sleeper!.query('SELECT k, v')).rejects.toMatchObject({ kind: 'closed', code: 'signed_out' })
    expect(world.disks.rows('db')).toEqual({})
  })

  it('of a follower is answered, and ends the leader', async () => {
    const world = new World()
    const [leader, follower] = await tabs(world, 2)
    const told: string[] = []
    leader!.on('error', ({ code }) => told.push(`leader ${code}`))
    follower!.on('error', ({ code }) => told.push(`follower ${code}`))
    await leader!.query(insert, ['a', 1])
    await follower!.signOut({ discard: true })
    await world.advance(1_000)
    await expect(leader!.query('SELECT k, v')).rejects.toMatchObject({ code: 'signed_out' })
    expect(told).toEqual(['leader signed_out'])
  })

  it('deletes what cannot be written any more', async () => {
    const world = new World()
    const db = await world.open()
    await db.query(insert, ['a', 1])
    world.engine.close = () => Promise.reject(thrown('quota', 'disk_full', 'the disk is full'))
    await db.signOut({ discard: true })
    expect(world.disks.rows('db')).toEqual({})
  })
})

describe('a database in memory that all tabs share', () => {
  it('stays with a tab that the leader has forgotten meanwhile', async () => {
    const world = new World()
    withoutIndexedDb(world)
    const [leader, sleeper] = await tabs(world, 2)
    await leader!.query(insert, ['a', 1])
    world.workers[1]!.freeze()
    await world.advance(100_000)
    world.workers[1]!.thaw()
    await world.advance(5_000)
    expect(await sleeper!.query('SELECT k, v')).toEqual([{ k: 'a', v: 1 }])
    await Promise.all([leader!.close(), sleeper!.close()])
  })

  it('does not stand in for one on disk', async () => {
    const world = new World()
    let isBlocked = false
    const blocked = thrown('closed', 'no_indexeddb', 'this window has no IndexedDB any more')
    refusing(world, () => (isBlocked ? blocked : undefined))
    const [leader, follower] = await tabs(world, 2)
    await leader!.query(insert, ['a', 1])
    isBlocked = true
    await leader!.close()
    await world.settle()
    await expect(follower!.query('SELECT k, v')).rejects.toMatchObject({ kind: 'closed', code: 'storage_gone' })
    expect(world.disks.rows('db')).toEqual({ a: 1 })
  })
})

describe('a leader whose store has failed', () => {
  const failing = async (world: World): Promise<Database<Record<never, never>>[]> => {
    const opened = await tabs(world, 3)
    await (await opened[0]!.query(insert, ['a', 1])).persisted()
    world.disks.failure = thrown('quota', 'disk_full', 'the browser has no room')
    await (await opened[0]!.query(insert, ['b', 2])).persisted().catch(() => {})
    world.engine.callbacks.failed(world.disks.failure)
    await world.settle()
    return opened
  }

  it('goes on reading, and another one takes over when a tab opens the database again', async () => {
    const world = new World()
    const [leader, follower, other] = await failing(world)
    expect(await other!.query('SELECT k, v')).toEqual([
      { k: 'a', v: 1 },
      { k: 'b', v: 2 }
    ])
    await follower!.close()
    world.disks.failure = undefined
    const again = await world.open()
    await (await again.query(insert, ['c', 3])).persisted()
    await (await leader!.query(insert, ['d', 4])).persisted()
    expect(await other!.query('SELECT k, v')).toEqual(await leader!.query('SELECT k, v'))
    expect(world.disks.rows('db')).toEqual({ a: 1, c: 3, d: 4 })
    await Promise.all([leader!.close(), other!.close(), again.close()])
  })
})

describe("a follower's write", () => {
  it('is answered once it is durable', async () => {
    const world = new World()
    const [leader, follower] = await tabs(world, 2)
    world.disks.hold()
    let isAnswered = false
    const write = follower!.query(insert, ['a', 1]).then((result) => {
      isAnswered = true
      return result
    })
    await world.settle()
    expect(await leader!.query('SELECT k, v')).toEqual([{ k: 'a', v: 1 }])
    expect(isAnswered).toBe(false)
    world.disks.letGo()
    await (await write).persisted()
    expect(world.disks.rows('db')).toEqual({ a: 1 })
    await Promise.all([leader!.close(), follower!.close()])
  })

  it('is made once when the leader dies before it is on disk', async () => {
    const world = new World()
    const [, follower] = await tabs(world, 2)
    world.disks.hold()
    const write = follower!.query(insert, ['a', 1]).then()
    await world.settle()
    world.workers[0]!.terminate()
    world.disks.held = undefined
    expect((await write).affected).toBe(1)
    expect(follower!.tabs.role).toBe('leader')
    expect(world.disks.rows('db')).toEqual({ a: 1 })
    await follower!.close()
  })

  it('is made once when the leader dies after it was on disk and before it was answered', async () => {
    const world = new World()
    const [, follower] = await tabs(world, 2)
    await follower!.query(insert, ['n', 0])
    const write = follower!.query(add, ['n', 1]).then()
    // The leader writes it, and its answer is never heard.
    while (world.disks.rows('db').n !== 1) await new Promise((resolve) => setImmediate(resolve))
    world.workers[0]!.terminate()
    expect((await write).affected).toBe(1)
    expect(world.disks.rows('db')).toEqual({ n: 1 })
    await follower!.close()
  })

  it('that is refused is refused, and large values cross', async () => {
    const world = new World()
    const [leader, follower] = await tabs(world, 2)
    const long = 'x'.repeat(50_000)
    await follower!.query(insert, [long, 1])
    await expect(follower!.query(insert, [long, 1])).rejects.toMatchObject({ kind: 'conflict', code: 'duplicate_key' })
    expect((await leader!.query('SELECT k, v'))[0]?.k).toBe(long)
    expect((await follower!.query('SELECT k, v'))[0]?.k).toBe(long)
    await Promise.all([leader!.close(), follower!.close()])
  })
})

describe('a frozen leader', () => {
  it('loses the database after three seconds, and what it writes late fails and is made again', async () => {
    const world = new World()
    const [leader, follower, third] = await tabs(world, 3)
    await leader!.query(insert, ['n', 0])
    await world.settle()
    // Answered from memory, and not on disk when the tab freezes.
    world.disks.hold()
    const late = await leader!.query(add, ['n', 1])
    world.workers[0]!.freeze()
    world.disks.held = undefined
    const write = follower!.query(add, ['n', 10]).then()
    await world.advance(6_000)
    await write
    expect(roles([follower!, third!]).filter((role) => role === 'leader').length).toBe(1)
    expect(world.disks.rows('db')).toEqual({ n: 10 })
    world.workers[0]!.thaw()
    await world.advance(2_000)
    await late.persisted()
    expect(leader!.tabs.role).toBe('follower')
    expect(world.disks.rows('db')).toEqual({ n: 11 })
    expect(await leader!.query('SELECT k, v')).toEqual([{ k: 'n', v: 11 }])
    await Promise.all([leader!.close(), follower!.close(), third!.close()])
  })

  it('is not taken for one by a follower that was frozen itself', async () => {
    const world = new World()
    const [leader, follower] = await tabs(world, 2)
    world.workers[1]!.freeze()
    await world.advance(60_000)
    world.workers[1]!.thaw()
    await world.advance(10_000)
    expect(roles([leader!, follower!])).toEqual(['leader', 'follower'])
    expect(world.engines.length).toBe(1)
    await follower!.query(insert, ['a', 1])
    await Promise.all([leader!.close(), follower!.close()])
  })

  it('is left alone while it lives, however long', async () => {
    const world = new World()
    const databases = await tabs(world, 3)
    await world.advance(120_000)
    expect(world.engines.length).toBe(1)
    expect(roles(databases)).toEqual(['leader', 'follower', 'follower'])
    await Promise.all(databases.map((db) => db.close()))
  })
})

describe('a tab that is frozen while it waits for the lead', () => {
  afterEach(() => vi.unstubAllGlobals())

  const three = async (world: World): Promise<Database<Record<never, never>>[]> => {
    vi.stubGlobal('BroadcastChannel', world.pageChannels())
    const opened = await tabs(world, 3)
    world.workers[1]!.freeze()
    return opened
  }

  it('loses it to the next when the worker of the leader crashes, whose page still lives', async () => {
    const world = new World()
    const [leader, , third] = await three(world)
    await leader!.query('PANIC').catch(() => {})
    const writes = [leader!.query(insert, ['a', 1]).then(), third!.query(insert, ['b', 2]).then()]
    await world.advance(6_000)
    await Promise.all(writes)
    expect(world.disks.rows('db')).toEqual({ a: 1, b: 2 })
  })

  it('loses it to the next when the leader has lost it and lives', async () => {
    const world = new World()
    const [leader, , third] = await three(world)
    const thief = await world.open()
    world.engine.callbacks.failed(thrown('closed', 'superseded', 'another tab has taken the database over'))
    await world.settle()
    const writes = [leader!, third!, thief].map((db, at) => db.query(insert, [`k${at}`, at]).then())
    await world.advance(6_000)
    await Promise.all(writes)
    expect(world.disks.rows('db')).toEqual({ k0: 0, k1: 1, k2: 2 })
  })
})

describe('the worker', () => {
  it('is started again after a crash; what was written is made once, and the application is told', async () => {
    const world = new World()
    const [db] = await tabs(world, 1)
    const restarts: { writes: number }[] = []
    db!.on('restarted', (event) => restarts.push(event))
    await (await db!.query(insert, ['n', 0])).persisted()
    world.disks.hold()
    const writes = await Promise.all(Array.from({ length: 5 }, () => db!.query(add, ['n', 1]).then()))
    const script = await db!.transaction(async (tx) => {
      await tx.query(add, ['n', 100])
      await tx.query(insert, ['m', 1])
    })
    world.disks.held = undefined
    const crash = db!.query('PANIC').catch((error: unknown) => error)
    const beside = db!.query(add, ['n', 10]).then()
    expect(await crash).toMatchObject({ kind: 'internal', code: 'worker_crashed' })
    await beside
    await Promise.all([...writes, script].map((write) => write.persisted()))
    expect(world.disks.rows('db')).toEqual({ m: 1, n: 115 })
    expect(restarts).toMatchObject([{ writes: 6, error: { code: 'worker_crashed' } }])
    await db!.close()
  })

  it('is started again, and what was generated is the same again', async () => {
    const world = new World()
    const [db] = await tabs(world, 1)
    world.disks.hold()
    await db!.query('INSERT GENERATED')
    await db!.transaction(async (tx) => {
      await tx.query('INSERT GENERATED')
      await tx.query('INSERT GENERATED')
    })
    const before = await db!.query('SELECT k, v')
    expect(new Set(before.map(({ k }) => k)).size).toBe(3)
    await db!.query('PANIC').catch(() => {})
    world.disks.held = undefined
    await db!.persisted()
    expect(await db!.query('SELECT k, v')).toEqual(before)
    await db!.close()
  })

  it('is started again when it crashes by itself; what was under way each time is given up', async () => {
    const world = new World()
    world.query = { ...world.query, run: () => new Promise(() => {}) }
    const [db] = await tabs(world, 1)
    const crash = async (): Promise<void> => {
      world.workers
        .at(-1)!
        .onerror?.(Object.assign(new Event('error', { cancelable: true }), { message: 'unreachable' }))
      await world.settle()
    }
    const slow = db!.query('SLOW').catch((error: unknown) => error)
    await world.settle()
    for (let at = 0; at < 3; at++) await crash()
    expect(await slow).toMatchObject({
      kind: 'internal',
      code: 'worker_crashed',
      message: expect.stringContaining('3 times') as string
    })
    expect(await db!.query('SELECT k, v')).toEqual([])
    await db!.close()
  })

  it('that crashes again and again is given up', async () => {
    const world = new World()
    const [db] = await tabs(world, 1)
    const told: boolean[] = []
    db!.on('error', (error) => told.push(error === db!.ended))
    for (let at = 0; at < 6; at++) {
      expect(db!.ended).toBeUndefined()
      await expect(db!.query('PANIC')).rejects.toMatchObject({ kind: 'internal', code: 'worker_crashed' })
      await world.settle()
    }
    await expect(db!.query('SELECT k')).rejects.toMatchObject({
      code: 'worker_crashed',
      message: expect.stringContaining('is not started again') as string
    })
    expect(told).toEqual([true])
    await db!.close()
  })

  it("that crashes in the leader's tab lets another tab go on", async () => {
    const world = new World()
    const [leader, follower] = await tabs(world, 2)
    const roles: boolean[] = []
    follower!.on('leader', (isLeader) => roles.push(isLeader))
    await follower!.query(insert, ['n', 0])
    const write = follower!.query(add, ['n', 1]).then()
    await leader!.query('PANIC').catch(() => {})
    await write
    await expect(follower!.query('PANIC')).rejects.toMatchObject({ code: 'worker_crashed' })
    await world.settle()
    expect(world.disks.rows('db')).toEqual({ n: 1 })
    expect(await leader!.query('SELECT k, v')).toEqual([{ k: 'n', v: 1 }])
    await Promise.all([leader!.close(), follower!.close()])
  })
})

describe('transactions in several tabs', () => {
  it('run again when others changed what they read', async () => {
    const world = new World()
    const databases = await tabs(world, 4)
    await databases[0]!.query(insert, ['n', 0])
    await Promise.all(
      databases.map((db) =>
        db.transaction(async (tx) => {
          const [row] = await tx.query<{ v: number }>('SELECT v FROM app.kv WHERE k = $1', ['n'])
          await tx.query('UPDATE app.kv SET v = $2 WHERE k = $1', ['n', (row?.v ?? 0) + 1])
        })
      )
    )
    expect(await databases[1]!.query('SELECT k, v')).toEqual([{ k: 'n', v: 4 }])
    await Promise.all(databases.map((db) => db.close()))
  })

  it('run again when the leader dies within them', async () => {
    const world = new World()
    const [, follower] = await tabs(world, 2)
    await follower!.query(insert, ['n', 0])
    let runs = 0
    const { value } = await follower!.transaction(async (tx) => {
      runs++
      await tx.query(add, ['n', 1])
      if (runs === 1) world.workers[0]!.terminate()
      await world.settle()
      await tx.query(add, ['n', 1])
      return runs
    })
    expect(value).toBe(2)
    expect(world.disks.rows('db')).toEqual({ n: 2 })
    await follower!.close()
  })

  it('are committed once when the leader dies while they commit', async () => {
    const world = new World()
    const [, follower] = await tabs(world, 2)
    await follower!.query(insert, ['n', 0])
    let runs = 0
    const committing = follower!.transaction(async (tx) => {
      runs++
      await tx.query(add, ['n', 1])
    })
    while (world.disks.rows('db').n !== 1) await new Promise((resolve) => setImmediate(resolve))
    world.workers[0]!.terminate()
    await committing
    expect(runs).toBe(1)
    expect(world.disks.rows('db')).toEqual({ n: 1 })
    await follower!.close()
  })

  it('are let go with their tab', async () => {
    const world = new World()
    const [leader] = await tabs(world, 2)
    const [, second] = world.workers
    const idle = world.engine.sessions
    const other = await world.open()
    void other
      .transaction(async (tx) => {
        await tx.query(add, ['n', 1])
        await new Promise(() => {})
      })
      .catch(() => {})
    await world.settle()
    expect(world.engine.sessions).toBe(idle + 1)
    world.workers[2]!.terminate()
    second!.terminate()
    await world.settle()
    expect(world.engine.sessions).toBe(idle)
    await leader!.close()
  })
})

describe('without locks, or in memory,', () => {
  it('each page is alone', async () => {
    const world = new World()
    const [a, b] = await Promise.all([world.open({ storage: 'memory' }), world.open({ storage: 'memory' })])
    await a!.query(insert, ['a', 1])
    expect(await b!.query('SELECT k, v')).toEqual([])
    expect(roles([a!, b!])).toEqual(['leader', 'leader'])
    await Promise.all([a!.close(), b!.close()])
    world.hasLocks = false
    const alone = await world.open()
    expect(alone.tabs.role).toBe('leader')
    await alone.close()
  })

  it('without locks the tab that was first is told once another one has the database', async () => {
    const world = new World()
    world.hasLocks = false
    const first = await world.open()
    await (await first.query(insert, ['a', 1])).persisted()
    const second = await world.open()
    expect(await second.query('SELECT k, v')).toEqual([{ k: 'a', v: 1 }])
    await expect(first.query(insert, ['b', 2])).rejects.toMatchObject({ kind: 'closed', code: 'superseded' })
    await expect(first.query('SELECT k, v')).rejects.toMatchObject({ kind: 'closed', code: 'superseded' })
    await (await second.query(insert, ['c', 3])).persisted()
    await second.close()
  })
})
