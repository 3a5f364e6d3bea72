// Who is signed in, with databases that only tell what happens to them.
import type { KalamError } from 'kalamdb'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Account } from '../src/session/account'

/** What was done to databases, in order. */
let done: string[]
/** The databases that the browser has, and those of them with something to send. */
let stored: Set<string>
let unsent: Set<string>
let databases: FakeDatabase[]
/** What the page's origin says of its server; nothing without a network. */
let origin: { server: string; user?: string } | undefined

class FakeDatabase {
  readonly name: string
  readonly token: (() => Promise<string>) | undefined
  ended: KalamError | undefined
  readonly #listeners: ((error: KalamError) => void)[] = []

  constructor(name: string, token: (() => Promise<string>) | undefined) {
    this.name = name
    this.token = token
  }

  on(event: string, listener: (error: KalamError) => void): void {
    if (event === 'error') this.#listeners.push(listener)
  }

  async close(): Promise<void> {
    done.push(`close ${this.name}`)
  }

  async signOut({ discard = false } = {}): Promise<void> {
    if (unsent.has(this.name) && !discard) throw new Error('unsynced_writes')
    done.push(`wipe ${this.name}`)
    stored.delete(this.name)
  }

  /** Tells an error; all but that of a store that is gone end it. */
  fail(kind: string, code: string, ends = true): void {
    const error = { kind, code, message: 'it has failed' } as KalamError
    if (ends) this.ended = error
    for (const listener of this.#listeners) listener(error)
  }
}

vi.mock('kalamdb', async (original) => ({
  ...(await original<object>()),
  open: async ({ name, sync }: { name: string; sync?: { token: () => Promise<string> } }) => {
    done.push(`open ${name}`)
    stored.add(name)
    const database = new FakeDatabase(name, sync?.token)
    databases.push(database)
    return database
  }
}))

const ONE = '1'.repeat(32)
const TWO = '2'.repeat(32)
const named = (server: string, user: string, device = ''): string => `kalamdb-demo-${server}-${user}${device}`
const latest = (name: string): FakeDatabase => databases.findLast((database) => database.name === name) as FakeDatabase

/** What the browser keeps of a page beyond it. */
function storage(): Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> {
  const items = new Map<string, string>()
  return { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => void items.set(key, value), removeItem: (key) => void items.delete(key) }
}

/** The page, loaded anew at this address. */
async function load(search = '') {
  vi.resetModules()
  done = []
  vi.stubGlobal('location', { href: `http://demo/${search}`, pathname: '/', search, hash: '' })
  vi.stubGlobal('history', { replaceState: (_: unknown, __: string, to: string) => Object.assign(location, { search: new URL(to, 'http://demo').search }) })
  vi.stubGlobal('fetch', async (path: string) => {
    if (origin === undefined) throw new TypeError('there is no network')
    const user = origin.user ?? new URL(path, 'http://demo').searchParams.get('user') ?? 'dev'
    return Response.json({ url: '/', server: origin.server, user, token: `token of ${user}` })
  })
  return { ...(await import('../src/session/session')), account: (await import('../src/session/account')).savedAccount }
}

beforeEach(() => {
  stored = new Set()
  unsent = new Set()
  databases = []
  origin = { server: ONE }
  vi.stubGlobal('localStorage', storage())
  vi.stubGlobal('sessionStorage', storage())
  vi.stubGlobal('indexedDB', { databases: async () => [...stored].map((name) => ({ name, version: 1 })) })
})

afterEach(() => vi.unstubAllGlobals())

it('opens the rows of the server that is there, and wipes those of others that have everything', async () => {
  await (await load()).start()
  expect(done).toEqual([`open ${named(ONE, 'dev')}`])
  for (const name of [named(ONE, 'UA', '-a'), 'kalamdb-demo-local', 'kalamdb-demo-127.0.0.1:7171-ada']) stored.add(name)
  stored.add(named(ONE, 'ada'))
  unsent.add(named(ONE, 'ada'))
  origin = { server: TWO }
  await (await load()).start()
  expect(done[0]).toBe(`open ${named(TWO, 'dev')}`)
  await vi.waitFor(() => expect(done).toContain(`close ${named(ONE, 'ada')}`))
  expect(stored).toEqual(new Set([named(ONE, 'ada'), named(TWO, 'dev'), 'kalamdb-demo-local', 'kalamdb-demo-127.0.0.1:7171-ada']))
})

it('opens the rows of the user that the address asks for', async () => {
  for (const [search, user] of [['', 'dev'], ['?user=UA', 'UA'], ['', 'UA'], ['?user=dev', 'dev']] as const) {
    const { start, account } = await load(search)
    await start()
    expect(done).toEqual([`open ${named(ONE, user)}`])
    expect(await latest(named(ONE, user)).token?.()).toBe(`token of ${user}`)
    expect(account()).toMatchObject({ user, server: ONE })
  }
})

it('goes by what the device knows without a network', async () => {
  await (await load()).start()
  origin = undefined
  for (const [search, user] of [['', 'dev'], ['?user=UA', 'UA'], ['', 'UA']] as const) {
    await (await load(search)).start()
    expect(done).toEqual([`open ${named(ONE, user)}`])
  }
})

it('gives no token of another server or user', async () => {
  await (await load()).start()
  const database = latest(named(ONE, 'dev'))
  origin = { server: TWO }
  await expect(database.token?.()).rejects.toMatchObject({ kind: 'unauthorized', code: 'other_server' })
  origin = { server: ONE, user: 'ada' }
  await expect(database.token?.()).rejects.toMatchObject({ kind: 'unauthorized', code: 'other_user' })
})

it('keeps who signed in by the form, whatever the address had asked for', async () => {
  const { signIn, account } = await load('?user=UA')
  await signIn('https://db.example.com/', 'a token', 'ada')
  expect(account()).toMatchObject({ user: 'ada', server: null, from: 'form' })
  expect(location.search).toBe('')
  await (await load(location.search)).start()
  expect(done).toEqual(['open kalamdb-demo-db.example.com-ada'])
})

it('closes what has ended before it is opened again', async () => {
  const { start, again, deviceOf, account } = await load()
  await start()
  await deviceOf(account() as Account, 'a')
  done = []
  latest(named(ONE, 'dev')).fail('closed', 'signed_out')
  origin = { server: TWO }
  await again()
  expect(done.slice(0, 2).sort()).toEqual([`close ${named(ONE, 'dev')}`, `close ${named(ONE, 'dev', '-a')}`])
  expect(done[2]).toBe(`open ${named(TWO, 'dev')}`)
})

it.each([
  ['closed', 'storage_gone', false],
  ['internal', 'worker_crashed', true],
  ['unauthorized', 'other_user', true]
])('offers to open again after %s/%s', async (kind, code, ends) => {
  const { start, again } = await load()
  await start()
  // A write that is lost, or a full disk, is only told.
  latest(named(ONE, 'dev')).fail('quota', 'disk_full', false)
  await again()
  expect(done).toEqual([`open ${named(ONE, 'dev')}`])
  latest(named(ONE, 'dev')).fail(kind, code, ends)
  await again()
  expect(done.slice(1)).toEqual([`close ${named(ONE, 'dev')}`, `open ${named(ONE, 'dev')}`])
})

it('gives each account devices of its own, and none that has ended', async () => {
  const { start, signIn, leave, signOut, deviceOf, account } = await load()
  await start()
  const dev = account() as Account
  const first = await deviceOf(dev, 'a')
  expect(await deviceOf(dev, 'a')).toBe(first)
  latest(named(ONE, 'dev', '-a')).fail('closed', 'signed_out')
  const second = await deviceOf(dev, 'a')
  expect(second).not.toBe(first)
  expect(done.slice(-2)).toEqual([`close ${named(ONE, 'dev', '-a')}`, `open ${named(ONE, 'dev', '-a')}`])

  await leave()
  expect(done.slice(-2).sort()).toEqual([`close ${named(ONE, 'dev')}`, `close ${named(ONE, 'dev', '-a')}`])
  await signIn('https://db.example.com/', 'a token', 'ada')
  expect(await deviceOf(account() as Account, 'a')).not.toBe(second)
  done = []
  await signOut(false)
  // What was never opened is not opened to be wiped, and what is another user's stays.
  expect(done).toEqual(['wipe kalamdb-demo-db.example.com-ada-a', 'wipe kalamdb-demo-db.example.com-ada', 'close kalamdb-demo-db.example.com-ada'])
  expect(stored).toEqual(new Set([named(ONE, 'dev'), named(ONE, 'dev', '-a')]))
})
