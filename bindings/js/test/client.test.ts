import { expect, it, describe } from 'vitest'
import { KalamError } from '../src/index.js'
import { thrown } from './support/engine.js'
import { refusing, withoutIndexedDb } from './support/refusing.js'
import { World } from './support/world.js'

const insert = 'INSERT INTO app.kv (k, v) VALUES ($1, $2)'

describe('statements', () => {
  it('run, give rows, and tell what they wrote', async () => {
    const world = new World()
    const db = await world.open()
    const result = await db.sql`INSERT INTO app.kv (k, v) VALUES (${'a'}, ${1})`
    expect(result.affected).toBe(1)
    expect(result.tag).toBe('INSERT')
    await result.persisted()
    expect(world.disks.rows('db')).toEqual({ a: 1 })
    const rows = await db.sql<{ k: string; v: number }>`SELECT k, v FROM app.kv ORDER BY k`
    expect(rows).toEqual([{ k: 'a', v: 1 }])
    expect(rows.columns.map((column) => column.name)).toEqual(['k', 'v'])
    expect(rows.map((row) => row.v)).toEqual([1])
    expect(rows.map((row) => row.v).constructor).toBe(Array)
    expect(await db.sql`SELECT v FROM app.kv WHERE k = ${'none'}`.first()).toBeUndefined()
    await db.close()
  })

  it('run when they are awaited, and once', async () => {
    const world = new World()
    const db = await world.open()
    const query = db.query(insert, ['lazy', 1])
    await world.settle()
    expect(world.engine.texts).toEqual([])
    const [first, second] = await Promise.all([query, query])
    expect(first).toBe(second)
    expect(world.engine.texts.length).toBe(1)
    await expect(query.again()).rejects.toMatchObject({ code: 'duplicate_key' })
    await db.close()
  })

  it('of one turn cross in one message each way, and are made durable together', async () => {
    const world = new World()
    const db = await world.open()
    const worker = world.workers[0]!
    world.disks.hold()
    const waits = world.disks.waits
    const results = await Promise.all(Array.from({ length: 1_000 }, (_, at) => db.query(insert, [`k${at}`, at])))
    expect(worker.posts).toBe(1)
    expect(worker.answers).toBe(1)
    world.disks.letGo()
    await Promise.all(results.map((result) => result.persisted()))
    // The worker waits for all of them, and the page, which was asked, hurries it once.
    expect(world.disks.waits - waits).toBe(2)
    expect(Object.keys(world.disks.rows('db')).length).toBe(1_000)
    await db.close()
  })

  it('of one turn that are much go while more of them are made, in their order', async () => {
    const world = new World()
    const [db, other] = [await world.open(), await world.open()]
    const key = 'x'.repeat(50_000)
    const all = [db!, other!].flatMap((of, tab) =>
      Array.from({ length: 100 }, (_, at) => of.query(insert, [`${key}${tab}${100 + at}`, at]).then())
    )
    await Promise.all(all)
    for (const worker of world.workers) expect(worker.posts).toBeGreaterThan(10)
    const values = world.engine.texts.filter((text) => text.startsWith('INSERT')).length
    expect(values).toBe(200)
    const committed = world.disks.disk('db').commits.flatMap(({ changes }) => changes.map(([of]) => of))
    for (const tab of [0, 1]) {
      const made = committed.filter((of) => of[key.length] === `${tab}`)
      expect(made.map((of) => Number(of.slice(key.length + 1)))).toEqual(
        Array.from({ length: 100 }, (_, at) => 100 + at)
      )
    }
    await Promise.all([db!.close(), other!.close()])
  })

  it('fail with kind, code, line and column', async () => {
    const db = await new World().open()
    const error = await db.query('SELEC 1').catch((error: unknown) => error)
    expect(error).toBeInstanceOf(KalamError)
    expect(error).toMatchObject({ kind: 'invalid', code: 'syntax_error', line: 1, column: 1 })
    await expect(db.query('SELECT $1', [undefined])).rejects.toMatchObject({ kind: 'invalid', code: 'bad_parameter' })
    await expect(async () => db.query(1 as never)).rejects.toMatchObject({ code: 'bad_query' })
    await expect(async () => db.sql('SELECT 1' as never)).rejects.toMatchObject({ code: 'not_a_template' })
    await db.close()
  })

  it('that wait for the query module do not hold up the others', async () => {
    const world = new World()
    let go = (): void => {}
    world.query = { ...world.query, run: (request) => new Promise((resolve) => (go = () => resolve(request))) }
    const db = await world.open()
    const order: string[] = []
    const slow = db.query('SLOW JOIN').then(() => order.push('slow'))
    await db.query(insert, ['a', 1]).then(() => order.push('fast'))
    await world.settle()
    go()
    await slow
    expect(order).toEqual(['fast', 'slow'])
    expect(db.modules.map((module) => module.name)).toEqual(['engine', 'query'])
    expect(world.queryLoads).toBe(1)
    await db.close()
  })

  it('beyond the number of sessions wait for one', async () => {
    const world = new World()
    const waiting: (() => void)[] = []
    world.query = { ...world.query, run: (request) => new Promise((resolve) => waiting.push(() => resolve(request))) }
    const db = await world.open()
    const slow = Array.from({ length: 1_100 }, (_, at) => db.query(`SLOW ${at}`).then())
    await world.settle()
    expect(waiting.length).toBe(1_024)
    expect(world.engine.sessions).toBe(1_024)
    while (waiting.length > 0) {
      waiting.shift()?.()
      await world.settle()
    }
    expect((await Promise.all(slow)).length).toBe(1_100)
    await db.close()
  })

  it('give arrow', async () => {
    const db = await new World().open()
    expect((await db.query('SELECT k').arrow()).slice(0, 2)).toEqual(Uint8Array.of(65, 82))
    await db.close()
  })

  it('must not leave a transaction open', async () => {
    const world = new World()
    const db = await world.open()
    await expect(db.query('BEGIN')).rejects.toMatchObject({ kind: 'invalid', code: 'transaction_left_open' })
    await db.query(insert, ['a', 1])
    expect(await db.query('SELECT k, v')).toEqual([{ k: 'a', v: 1 }])
    await db.close()
  })

  it('that are aborted reject with the reason', async () => {
    const world = new World()
    world.query = { ...world.query, run: () => new Promise(() => {}) }
    const db = await world.open()
    const before = AbortSignal.abort(new Error('never mind'))
    await expect(db.query(insert, ['a', 1]).signal(before)).rejects.toThrow('never mind')
    const controller = new AbortController()
    const slow = db.query('SLOW').signal(controller.signal).then()
    controller.abort(new Error('too slow'))
    await expect(slow).rejects.toThrow('too slow')
    expect(await db.query('SELECT k')).toEqual([])
    await db.close()
  })
})

describe('writes', () => {
  it('are persisted when the disk says so', async () => {
    const world = new World()
    const db = await world.open()
    world.disks.hold()
    const result = await db.query(insert, ['a', 1])
    let isPersisted = false
    const persisted = result.persisted().then(() => (isPersisted = true))
    await world.settle()
    expect(isPersisted).toBe(false)
    world.disks.letGo()
    await persisted
    await result.persisted()
    await db.persisted()
    await db.close()
  })

  it('say why they never will be', async () => {
    const world = new World()
    const db = await world.open()
    const errors: KalamError[] = []
    db.on('error', (error) => errors.push(error))
    world.disks.failure = thrown('quota', 'disk_full', 'the browser has no room')
    const result = await db.query(insert, ['a', 1])
    await expect(result.persisted()).rejects.toMatchObject({ kind: 'quota', code: 'disk_full' })
    world.engine.callbacks.failed(world.disks.failure)
    await world.settle()
    expect(errors).toMatchObject([{ kind: 'quota', code: 'disk_full' }])
    world.disks.failure = undefined
    await db.close()
  })

  it('are synced when the server has taken them, and say what it refused', async () => {
    const world = new World()
    const db = await world.open()
    const [a, b] = await Promise.all([db.query(insert, ['a', 1]), db.query(insert, ['b', 2])])
    const taken = a!.synced()
    const refused = b!.synced()
    await world.settle()
    world.engine.decide(1, true)
    await taken
    const write = {
      number: 1,
      mutation: 2,
      kind: 'invalid' as const,
      code: 'check_violation',
      message: 'v is too large',
      written: 5,
      changes: [{ table: 'app.kv', op: 'insert', key: 'b' }]
    }
    world.engine.decide(2, write)
    await expect(refused).rejects.toMatchObject({ kind: 'invalid', code: 'check_violation', rejected: write })
    expect(await db.sync.rejected()).toEqual([write])
    await db.sync.dismiss(1)
    await expect(db.sync.dismiss(1)).rejects.toMatchObject({ code: 'not_rejected' })
    expect(await db.sync.rejected()).toEqual([])
    const read = await db.query('SELECT k')
    await read.synced()
    await read.persisted()
    await db.close()
  })
})

describe('a device that the server does not know any more', () => {
  it('has other numbers: who waited under the old ones is told, and those of new writes hold', async () => {
    const world = new World()
    const db = await world.open()
    const old = await db.query(insert, ['a', 1])
    const waiting = old.synced()
    await world.settle()
    world.engine.device = 'forked'
    world.engine.callbacks.changed()
    await expect(waiting).rejects.toMatchObject({ kind: 'conflict', code: 'device_forked' })
    await world.advance(1_000)
    await expect(old.synced()).rejects.toMatchObject({ code: 'device_forked' })
    const fresh = (await db.query(insert, ['b', 2])).synced()
    await world.settle()
    world.engine.decide(1, true)
    world.engine.decide(2, true)
    await fresh
    await db.close()
  })
})

describe('a database', () => {
  it('refuses names and options that make no sense', async () => {
    const world = new World()
    for (const name of ['', 'x'.repeat(129), 'a\u0000b', 'tab\t', undefined, 5]) {
      await expect(world.open({ name: name as string })).rejects.toMatchObject({ kind: 'invalid', code: 'bad_name' })
    }
    await expect(world.open({ storage: 'opfs' as never })).rejects.toMatchObject({ code: 'bad_storage' })
    await expect(world.open({ storage: { durability: 'hard' as never } })).rejects.toMatchObject({
      code: 'bad_storage'
    })
    await expect(world.open({ sync: { url: 'ftp://x', token: 't' } })).rejects.toMatchObject({ code: 'bad_url' })
    await expect(world.open({ sync: { url: 'http://x', token: '' } })).rejects.toMatchObject({ code: 'no_token' })
    await expect(world.open({ worker: 'worker.js' as never })).rejects.toMatchObject({ code: 'bad_options' })
    const sync = { url: 'http://x', token: 't' }
    for (const [options, message] of [
      [{ stroage: 'memory' }, 'open() has no option `stroage`: did you mean `storage`?'],
      [{ storage: { durabilty: 'relaxed' } }, 'storage has no option `durabilty`: did you mean `durability`?'],
      [{ sync: { ...sync, tokn: 't' } }, 'sync has no option `tokn`: did you mean `token`?']
    ] as const)
      await expect(world.open(options as never)).rejects.toMatchObject({
        kind: 'invalid',
        code: 'unknown_option',
        message
      })
    for (const wrong of [{ user: 42 }, { user: null }, { user: '' }, { start: 'no' }, { start: null }])
      await expect(world.open({ sync: { ...sync, ...wrong } as never })).rejects.toMatchObject({ code: 'bad_options' })
    expect(world.workers).toEqual([])
    for (const name of ['x'.repeat(128), "o'hara/ünï 漢😀", '..', '__proto__'])
      await (await world.open({ name })).close()
  })

  it('that is closed refuses everything', async () => {
    const db = await new World().open()
    const late = db.query('SELECT k')
    await db.query(insert, ['a', 1])
    await db.close()
    await db.close()
    const closed = { kind: 'closed', code: 'database_closed' }
    await expect(late).rejects.toMatchObject(closed)
    await expect(db.persisted()).rejects.toMatchObject(closed)
    await expect(db.transaction(() => 1)).resolves.toMatchObject({ value: 1 })
    await expect(db.transaction((tx) => tx.query('SELECT k'))).rejects.toMatchObject(closed)
    await expect(db.sync.rejected()).rejects.toMatchObject(closed)
    await expect(db.query('SELECT k').live().ready).rejects.toMatchObject(closed)
  })

  it('closes when all is written', async () => {
    const world = new World()
    const db = await world.open()
    const writes = Array.from({ length: 5 }, (_, at) => db.query(insert, [`k${at}`, at]).then())
    const closed = db.close()
    await Promise.all([closed, ...writes])
    expect(Object.keys(world.disks.rows('db')).length).toBe(5)
    expect(world.engine.isClosed).toBe(true)
  })

  it('is given up while it opens', async () => {
    const world = new World()
    world.loadEngine = () => new Promise(() => {})
    const controller = new AbortController()
    const opening = world.open({ signal: controller.signal })
    await world.settle()
    controller.abort(new Error('left the page'))
    await expect(opening).rejects.toThrow('left the page')
    expect(world.workers[0]!.isGone).toBe(true)
    await expect(world.open({ signal: AbortSignal.abort(new Error('at once')) })).rejects.toThrow('at once')
  })

  it('falls back to memory without IndexedDB, and says so', async () => {
    const world = new World()
    const db = await world.open({ storage: 'memory' })
    expect(db.storage).toMatchObject({ mode: 'memory', durability: 'strict', reason: undefined })
    await (await db.query(insert, ['a', 1])).persisted()
    await world.advance(50)
    expect(db.storage.bytes).toBe(32)
    await db.close()
    withoutIndexedDb(world)
    const without = await world.open()
    expect(without.storage).toMatchObject({ mode: 'memory', reason: 'this window has no IndexedDB' })
    await without.close()
  })

  it('tries again while the store is held by somebody else', async () => {
    const world = new World()
    let refusals = 2
    const blocked = thrown('retry', 'database_blocked', 'another tab holds database `db` open')
    refusing(world, () => (refusals-- > 0 ? blocked : undefined))
    const opening = world.open()
    await world.advance(2_000)
    await (await opening).close()
    expect(refusals).toBe(-1)
    refusals = 100
    const given = expect(world.open()).rejects.toMatchObject({ kind: 'retry', code: 'database_blocked' })
    await world.advance(10_000)
    await given
    expect(refusals).toBe(90)
  })

  it('in memory ends with the worker or the tab that had it, and says so', async () => {
    const world = new World()
    const lost = { kind: 'closed', code: 'memory_lost' }
    const db = await world.open({ storage: 'memory' })
    const errors: KalamError[] = []
    db.on('error', (error) => errors.push(error))
    await (await db.query(insert, ['a', 1])).persisted()
    await expect(db.query('PANIC')).rejects.toMatchObject({ code: 'worker_crashed' })
    await world.settle()
    expect(errors).toMatchObject([lost])
    await expect(db.query('SELECT k, v')).rejects.toMatchObject(lost)
    await db.close()

    withoutIndexedDb(world)
    const [leader, follower] = [await world.open(), await world.open()]
    await leader.query(insert, ['a', 1])
    expect(await follower.query('SELECT k, v')).toEqual([{ k: 'a', v: 1 }])
    await leader.close()
    await world.settle()
    await expect(follower.query('SELECT k, v')).rejects.toMatchObject(lost)
    const again = await world.open()
    expect(await again.query('SELECT k, v')).toEqual([])
    await again.close()
  })

  it('says why it does not open', async () => {
    const world = new World()
    world.loadEngine = () =>
      Promise.reject(new KalamError('internal', 'module_not_loaded', 'the engine did not load from http://x/y.wasm'))
    await expect(world.open()).rejects.toMatchObject({
      kind: 'internal',
      code: 'module_not_loaded',
      message: expect.stringContaining('y.wasm') as string
    })
  })

  it('wipes itself on sign-out, unless writes wait', async () => {
    const world = new World()
    const db = await world.open()
    const other = await world.open()
    await db.query(insert, ['a', 1])
    await expect(db.signOut()).rejects.toMatchObject({
      kind: 'conflict',
      code: 'unsynced_writes',
      message: expect.stringContaining('1 write waits') as string
    })
    expect(await other.query('SELECT k, v')).toEqual([{ k: 'a', v: 1 }])
    await db.signOut({ discard: true })
    expect(world.disks.disks.has('db')).toBe(false)
    await expect(db.query('SELECT k')).rejects.toMatchObject({ kind: 'closed' })
    await world.settle()
    await expect(other.query('SELECT k')).rejects.toMatchObject({ kind: 'closed', code: 'signed_out' })
    const again = await world.open()
    expect(await again.query('SELECT k, v')).toEqual([])
    await again.close()
  })
})
