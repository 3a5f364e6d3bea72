/** What applications do wrong, and what they are told. */
import { beforeEach, describe, expect, it } from 'vitest'
import { failure, type Tab } from './support/tab.js'
import { useWorld } from './support/world.js'

const world = useWorld()
let tab: Tab

beforeEach(async () => {
  tab = await world.tab()
})

describe('names of databases', () => {
  it('may be odd', async () => {
    for (const name of ['ünï/cödé 😀', '../../etc', "'; DROP --", ' ', 'a'.repeat(128), 'kalamdb:x:tab:y', '%00']) {
      const rows = await tab.run(async ({ kalam }, of) => {
        const first = await kalam.open({ name: of })
        await first.query(
          'CREATE NAMESPACE app; CREATE USER TABLE app.t (id INT PRIMARY KEY); INSERT INTO app.t VALUES (1)'
        )
        await first.close()
        const again = await kalam.open({ name: of })
        const rows = [...(await again.query('SELECT id FROM app.t'))]
        await again.signOut({ discard: true })
        return rows
      }, name)
      expect(rows, name).toEqual([{ id: 1 }])
    }
    expect(await tab.run(async () => (await indexedDB.databases()).length)).toBe(0)
  })

  it('and options that make no sense are refused', async () => {
    const told = await tab.run(async ({ kalam }) => {
      const options: unknown[] = [
        {},
        { name: '' },
        { name: 7 },
        { name: 'a\u0000b' },
        { name: 'a'.repeat(129) },
        undefined,
        { name: 'x', storage: 'floppy' },
        { name: 'x', storage: { durability: 'eventually' } },
        { name: 'x', timestamps: 'unix' },
        { name: 'x', worker: 'worker.js' },
        { name: 'x', storage: null },
        { name: 'x', sync: null },
        { name: 'x', schema: {} },
        { name: 'x', sync: { url: 'ftp://x', token: 'x' } },
        { name: 'x', sync: { url: 'db.example.com', token: 'x' } },
        { name: 'x', sync: { url: '/', token: 'x' } },
        { name: 'x', sync: { token: 'x' } },
        { name: 'x', sync: { url: 'http://x', token: '' } },
        { name: 'x', sync: { url: 'http://x', token: 'x', user: 42 } },
        { name: 'x', sync: { url: 'http://x', token: 'x', start: 'no' } },
        { name: 'x', stroage: 'memory' },
        { name: 'x', storage: { durabilty: 'relaxed' } },
        { name: 'x', sync: { url: 'http://x', token: 'x', tokn: 'x' } }
      ]
      const codes: string[] = []
      for (const option of options) {
        await kalam.open(option as { name: string }).then(
          () => codes.push('opened'),
          (error: { kind: string; code: string }) => codes.push(`${error.kind}/${error.code}`)
        )
      }
      return codes
    })
    expect(told).toEqual([
      ...Array<string>(5).fill('invalid/bad_name'),
      'invalid/bad_options',
      'invalid/bad_storage',
      'invalid/bad_storage',
      'invalid/bad_options',
      'invalid/bad_options',
      'invalid/bad_storage',
      'invalid/bad_options',
      'invalid/bad_options',
      ...Array<string>(4).fill('invalid/bad_url'),
      'invalid/no_token',
      ...Array<string>(2).fill('invalid/bad_options'),
      ...Array<string>(3).fill('invalid/unknown_option')
    ])
  })
})

describe('SQL', () => {
  beforeEach(async () => {
    await tab.open({ name: 'sql' })
    await tab.query('CREATE NAMESPACE app; CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT)')
  })

  it('that does not parse has line and column', async () => {
    expect(await failure(tab.query('SELECT id\nFROM app.notes\nWHERE ORDER BY id'))).toMatchObject({
      name: 'KalamError',
      kind: 'invalid',
      line: 3,
      column: 13
    })
    expect(await failure(tab.query('SELEC 1'))).toMatchObject({ kind: 'invalid', line: 1, column: 1 })
  })

  it('that names what is not there says what, with a hint', async () => {
    const table = await failure(tab.query('SELECT * FROM app.note'))
    expect(table).toMatchObject({ kind: 'invalid' })
    expect(table.message).toMatch(/app\.note\b.*spelling/)
    const column = await failure(tab.query('SELECT titel FROM app.notes'))
    expect(column).toMatchObject({ kind: 'invalid' })
    expect(column.message).toMatch(/titel.*title/)
    const unnamed = await failure(tab.query('SELECT * FROM notes'))
    expect(unnamed).toMatchObject({ kind: 'invalid' })
    expect(unnamed.message).toMatch(/namespace/)
  })

  it('that is not taken is told, and everything after it runs', async () => {
    for (const text of [
      'CREATE USER TABLE app.t (id INT PRIMARY KEY, email TEXT UNIQUE)',
      "INSERT INTO app.notes (title) VALUES ('x') RETURNING id",
      'INSERT INTO app.notes VALUES (1)',
      "INSERT INTO app.notes VALUES ('one', 'x')",
      'SELECT $2 FROM app.notes',
      'DROP DATABASE app',
      ''
    ])
      expect(await failure(tab.query(text)), text).toMatchObject({ name: 'KalamError', kind: 'invalid' })
    expect(await tab.query('SELECT * FROM app.notes')).toEqual([])
  })

  it('with other parameters than it has is refused', async () => {
    expect(await failure(tab.query('SELECT id FROM app.notes WHERE id = $1'))).toMatchObject({ kind: 'invalid' })
    expect(await failure(tab.query('SELECT id FROM app.notes', [1]))).toMatchObject({ kind: 'invalid' })
    expect(await failure(tab.query('SELECT id FROM app.notes WHERE id = $1', ['one']))).toMatchObject({
      kind: 'invalid'
    })
    const told = await tab.run(async ({ db }) => {
      const wrong = [() => db.query(7 as unknown as string), () => db.query('SELECT 1', 'x' as unknown as unknown[])]
      return wrong.map((work) => {
        try {
          return void work()
        } catch (error) {
          return (error as { code: string }).code
        }
      })
    })
    expect(told).toEqual(['bad_query', 'bad_parameters'])
  })
})

describe('a database that is closed', () => {
  it('refuses everything with kind closed', async () => {
    await tab.open({ name: 'closed' })
    const codes = await tab.run(async ({ db }) => {
      await db.query('CREATE NAMESPACE app; CREATE USER TABLE app.notes (id INT PRIMARY KEY)')
      const live = db.query('SELECT id FROM app.notes').live()
      await live.ready
      await db.close()
      await db.close()
      const works: (() => Promise<unknown>)[] = [
        () => Promise.resolve(db.query('SELECT 1')),
        () => db.transaction(async (tx) => void (await tx.query('SELECT 1'))),
        () => db.persisted(),
        () => db.sync.rejected(),
        () => db.signOut(),
        () => db.query('SELECT 1').arrow(),
        () => db.loadQueryModule()
      ]
      const kinds: string[] = []
      for (const work of works)
        await Promise.resolve()
          .then(work)
          .then(
            () => kinds.push('done'),
            (error: { kind: string }) => kinds.push(error.kind)
          )
      return [...kinds, live.getSnapshot().status]
    })
    expect(codes).toEqual([...Array<string>(7).fill('closed'), 'error'])
  })

  it('waits for what was written before', async () => {
    await tab.open({ name: 'closed' })
    await tab.query('CREATE NAMESPACE app; CREATE USER TABLE app.notes (id INT PRIMARY KEY)')
    await tab.run(async ({ db }) => {
      for (let id = 0; id < 500; id++) void db.query('INSERT INTO app.notes VALUES ($1)', [id]).then()
      await db.close()
    })
    await tab.open({ name: 'closed' })
    expect(await tab.query('SELECT count(*) AS n FROM app.notes')).toEqual([{ n: 500 }])
  })
})

describe('a signal', () => {
  it('that is aborted gives up waiting', async () => {
    const told = await tab.run(async (api) => {
      const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
      const gone = AbortSignal.abort(new Error('never mind'))
      const before = await api.kalam.open({ name: 'aborted', signal: gone }).then(() => 'opened', reason)
      const controller = new AbortController()
      const during = api.kalam.open({ name: 'aborted', signal: controller.signal }).then(() => 'opened', reason)
      controller.abort(new Error('changed my mind'))
      const db = (api.db = await api.kalam.open({ name: 'aborted' }))
      await db.query('CREATE NAMESPACE app; CREATE USER TABLE app.notes (id INT PRIMARY KEY)')
      const query = await db
        .query('SELECT id FROM app.notes')
        .signal(gone)
        .then(() => 'ran', reason)
      const transaction = await db.transaction(async () => {}, { signal: gone }).then(() => 'ran', reason)
      const waiting = new AbortController()
      const live = db.query('SELECT id FROM app.notes').signal(waiting.signal).live()
      await live.ready
      waiting.abort(new Error('enough'))
      let subscribed = 'subscribed'
      try {
        live.subscribe(() => {})
      } catch (error) {
        subscribed = reason(error)
      }
      return [before, await during, query, transaction, subscribed]
    })
    expect(told).toEqual(['never mind', 'changed my mind', 'never mind', 'never mind', 'enough'])
  })
})
