import { describe, expect, it, vi } from 'vitest'
import { Client } from '../src/client/client.js'
import { defineSchema, KalamError, t, TRANSACTION_RUNS_MAX } from '../src/index.js'
import { World } from './support/world.js'

const insert = 'INSERT INTO app.kv (k, v) VALUES ($1, $2)'
const kv = defineSchema('app', { kv: { k: t.text().primaryKey(), v: t.int() } })

describe('a transaction', () => {
  it('sees its own writes, and all take effect together', async () => {
    const world = new World()
    const db = await world.open()
    const { value, persisted, synced } = await db.transaction(async (tx) => {
      await tx.sql`INSERT INTO app.kv (k, v) VALUES (${'a'}, ${1})`
      await tx.query(insert, ['b', 2])
      expect(await db.query('SELECT k, v')).toEqual([])
      return (await tx.query('SELECT k, v')).length
    })
    expect(value).toBe(2)
    await persisted()
    expect(world.disks.rows('db')).toEqual({ a: 1, b: 2 })
    expect(world.disks.disk('db').commits.length).toBe(1)
    world.engine.decide(1, true)
    await synced()
    await db.close()
  })

  it('that throws leaves nothing, and throws the same', async () => {
    const world = new World()
    const db = await world.open()
    const mine = new Error('mine')
    await expect(
      db.transaction(async (tx) => {
        await tx.query(insert, ['a', 1])
        throw mine
      })
    ).rejects.toBe(mine)
    await expect(
      db.transaction(async (tx) => {
        await tx.query('SELEC')
      })
    ).rejects.toMatchObject({ code: 'syntax_error' })
    expect(await db.query('SELECT k, v')).toEqual([])
    await world.settle()
    expect(world.engine.sessions).toBe(1)
    await db.close()
  })

  it('goes on after a statement that failed', async () => {
    const db = await new World().open()
    await db.query(insert, ['a', 1])
    await db.transaction(async (tx) => {
      await expect(tx.query(insert, ['a', 1])).rejects.toMatchObject({ code: 'duplicate_key' })
      await tx.query(insert, ['b', 1])
    })
    expect((await db.query('SELECT k, v')).length).toBe(2)
    await db.close()
  })

  it('goes on after a first statement that cannot be sent', async () => {
    const world = new World()
    const db = await world.open()
    const bad = { kind: 'invalid', code: 'bad_parameter' }
    let runs = 0
    await db.transaction(async (tx) => {
      runs++
      await expect(tx.query(insert, [undefined, 1])).rejects.toMatchObject(bad)
      await tx.query(insert, ['a', 1])
    })
    await db.transaction((tx) => expect(tx.query(insert, [undefined, 1])).rejects.toMatchObject(bad))
    expect(runs).toBe(1)
    expect(await db.query('SELECT k, v')).toEqual([{ k: 'a', v: 1 }])
    await db.close()
  })

  it('that throws while the database closes throws the same', async () => {
    const db = await new World().open()
    const mine = new Error('mine')
    const run = db.transaction(async (tx) => {
      await tx.query(insert, ['a', 1])
      void db.close()
      throw mine
    })
    await expect(run).rejects.toBe(mine)
  })

  it('whose commit cannot be sent is given up', async () => {
    const world = new World()
    const db = await world.open()
    await db.query(insert, ['a', 1])
    const idle = world.engine.sessions
    const full = new KalamError('retry', 'too_many_calls', 'too many calls wait')
    const commit = vi.spyOn(Client.prototype, 'commit').mockRejectedValue(full)
    const run = db.transaction((tx) => tx.query(insert, ['b', 1]))
    await expect(run).rejects.toMatchObject({ cause: full })
    commit.mockRestore()
    await world.settle()
    expect(world.engine.sessions).toBe(idle)
    expect((await db.query('SELECT k, v')).length).toBe(1)
    await db.close()
  })

  it('of which a bulk insert took effect in part takes nothing more, and is not committed', async () => {
    const world = new World()
    const db = await world.open({ schema: kv })
    await db.query(insert, ['taken', 1])
    const rows = (count: number) => [
      ...Array.from({ length: count }, (_, at) => ({ k: `k${at}`, v: at })),
      { k: 'taken', v: 0 }
    ]
    const spoiled = {
      kind: 'conflict',
      code: 'transaction_spoiled',
      cause: expect.objectContaining({ code: 'duplicate_key' }) as unknown
    }
    let runs = 0
    const run = db.transaction(async (tx) => {
      runs++
      await expect(tx.tables.kv.insert(rows(200))).rejects.toMatchObject({ code: 'duplicate_key' })
      await expect(tx.query(insert, ['b', 1])).rejects.toMatchObject(spoiled)
    })
    await expect(run).rejects.toMatchObject(spoiled)
    expect(runs).toBe(1)
    expect((await db.query('SELECT k, v')).length).toBe(1)
    // What is refused whole leaves the transaction as it was.
    await db.transaction(async (tx) => {
      await expect(tx.tables.kv.insert(rows(3))).rejects.toMatchObject({ code: 'duplicate_key' })
      await tx.query(insert, ['b', 1])
    })
    expect((await db.query('SELECT k, v')).length).toBe(2)
    expect(world.engine.sessions).toBe(1)
    await db.close()
  })

  it('waits for statements that were not awaited', async () => {
    const db = await new World().open({ schema: kv })
    await db.transaction((tx) => {
      void tx.query(insert, ['a', 1]).then()
      void tx.query(insert, ['b', 1]).then()
    })
    expect((await db.query('SELECT k, v')).length).toBe(2)
    const rows = Array.from({ length: 300 }, (_, at) => ({ k: `k${at}`, v: at }))
    await db.transaction((tx) => void tx.tables.kv.insert(rows))
    expect((await db.query('SELECT k, v')).length).toBe(302)
    await db.close()
  })

  it('is run at most eight times', async () => {
    const db = await new World().open()
    await db.query(insert, ['n', 0])
    let runs = 0
    await expect(
      db.transaction(async (tx) => {
        runs++
        await tx.query('UPDATE app.kv SET v = v + $2 WHERE k = $1', ['n', 1])
        await db.query(insert, [`other${runs}`, 1])
      })
    ).rejects.toMatchObject({ kind: 'retry', code: 'transaction_given_up' })
    expect(runs).toBe(TRANSACTION_RUNS_MAX)
    expect((await db.query('SELECT k, v WHERE k = $1', ['n']))[0]).toEqual({ k: 'n', v: 0 })
    await db.close()
  })

  it("is not run again for the application's own errors of kind retry", async () => {
    const db = await new World().open()
    let runs = 0
    await expect(
      db.transaction(async (tx) => {
        runs++
        await tx.query('SELECT k')
        throw new KalamError('retry', 'mine', 'later')
      })
    ).rejects.toMatchObject({ code: 'mine' })
    expect(runs).toBe(1)
    await db.close()
  })

  it('is over when its function is', async () => {
    const world = new World()
    const db = await world.open()
    let late: (() => PromiseLike<unknown>) | undefined
    await db.transaction((tx) => {
      late = () => tx.query('SELECT k')
    })
    await expect(late!()).rejects.toMatchObject({ kind: 'closed', code: 'transaction_closed' })
    await expect(db.transaction(async (tx) => tx.query('COMMIT'))).rejects.toMatchObject({
      code: 'transaction_control'
    })
    await expect(db.transaction(async (tx) => tx.query('SELECT k').live())).rejects.toMatchObject({
      code: 'not_in_transaction'
    })
    await expect(db.transaction(async (tx) => tx.query('SELECT k').arrow())).rejects.toMatchObject({
      code: 'not_in_transaction'
    })
    await db.close()
  })

  it('is given up with its signal', async () => {
    const world = new World()
    const db = await world.open()
    const controller = new AbortController()
    const work = db.transaction(
      async (tx) => {
        await tx.query(insert, ['a', 1])
        controller.abort(new Error('enough'))
        await new Promise(() => {})
      },
      { signal: controller.signal }
    )
    await expect(work).rejects.toThrow('enough')
    await world.settle()
    expect(world.engine.sessions).toBe(0)
    expect(await db.query('SELECT k, v')).toEqual([])
    await db.close()
  })

  it('of too many at once is asked to wait', async () => {
    const world = new World()
    const db = await world.open()
    let go = (): void => {}
    const gate = new Promise<void>((resolve) => (go = resolve))
    const open = Array.from({ length: 70 }, () =>
      db
        .transaction(async (tx) => {
          await tx.query('SELECT k')
          await gate
        })
        .catch((error: KalamError) => error.code)
    )
    await world.settle()
    go()
    expect((await Promise.all(open)).filter((result) => result === 'too_many_transactions').length).toBe(6)
    await db.close()
  })
})
