/** An engine in TypeScript with one table of keys and numbers, over disks that survive it. It knows a few statements by heart. */
import type {
  Decided,
  Engine,
  EngineCallbacks,
  EngineModule,
  EngineOptions,
  EngineStatus,
  Live,
  Session
} from '../../src/engine.js'
import type { RejectedWrite } from '../../src/errors.js'
import { concat, packResults, packRows, u32, unpackParameters, utf8 } from './pack.js'

type Rows = ReadonlyMap<string, number>

interface Commit {
  readonly mutation: number
  readonly changes: readonly (readonly [key: string, value: number | null])[]
  readonly request: string | undefined
}

/** What of a database is on disk, and who may write it. */
export interface Disk {
  commits: Commit[]
  owner: number
}

/** The disks of an origin, and what tests do to them. */
export class Disks {
  readonly disks = new Map<string, Disk>()
  /** Writes wait here until the disk is let go on. */
  held: (() => void)[] | undefined
  /** What each write to a disk fails with. */
  failure: Error | undefined
  opened = 0
  /** How often an engine was asked whether all is durable. */
  waits = 0

  disk(name: string): Disk {
    const disk = this.disks.get(name) ?? { commits: [], owner: 0 }
    this.disks.set(name, disk)
    return disk
  }

  rows(name: string): Record<string, number> {
    return Object.fromEntries([...rowsOf(this.disk(name).commits)].sort())
  }

  hold(): void {
    this.held = []
  }

  letGo(): void {
    const held = this.held ?? []
    this.held = undefined
    for (const go of held) go()
  }
}

function rowsOf(commits: readonly Commit[]): Map<string, number> {
  const rows = new Map<string, number>()
  for (const { changes } of commits) apply(rows, changes)
  return rows
}

function apply(rows: Map<string, number>, changes: Commit['changes']): void {
  for (const [key, value] of changes) {
    if (value === null) rows.delete(key)
    else rows.set(key, value)
  }
}

/** An error as the engine throws it. */
export function thrown(kind: string, code: string, message: string, more: object = {}): Error {
  return Object.assign(new Error(message), { name: 'KalamError', kind, code, ...more })
}

const tableGone = (): Error => thrown('invalid', 'unknown_table', 'table `app.kv` does not exist')

export class FakeEngine implements Engine {
  readonly commits: Commit[]
  readonly rows: Map<string, number>
  readonly lives = new Set<FakeLive>()
  readonly callbacks: EngineCallbacks
  readonly name: string | undefined
  readonly texts: string[] = []
  readonly calls: string[] = []
  state: EngineStatus['state'] = 'offline'
  synced = true
  device = 'device'
  user: string | undefined
  readonly outcomes = new Map<number, true | RejectedWrite>()
  refusals: RejectedWrite[] = []
  sessions = 0
  isClosed = false
  isTableGone = false
  refusesAlter = false
  /** What DESCRIBE answers: name, type, position in the key, and whether there may be NULL. */
  description: [string, string, number | null, boolean?][] = [
    ['k', 'TEXT', 1],
    ['v', 'INT', null]
  ]
  readonly #disks: Disks
  readonly #owner: number
  #persisted: number
  /** Why it writes no more. */
  #failure: Error | undefined

  constructor(disks: Disks, options: EngineOptions, callbacks: EngineCallbacks) {
    this.#disks = disks
    this.callbacks = callbacks
    this.name = options.name
    this.user = options.user
    const disk = options.name === undefined ? { commits: [], owner: 0 } : disks.disk(options.name)
    this.#owner = ++disk.owner
    this.commits = [...disk.commits]
    this.rows = rowsOf(this.commits)
    this.#persisted = this.commits.length
  }

  claim(user: string): void {
    this.user ??= user
    if (this.user !== user) throw thrown('unauthorized', 'other_user', `the database belongs to user \`${this.user}\``)
  }

  session(): Session {
    return new FakeSession(this)
  }

  status(): EngineStatus {
    return {
      state: this.state,
      synced: this.synced,
      held: false,
      pending: this.commits.length - this.outcomes.size,
      rejected: this.refusals.length,
      device: this.device,
      epoch: 'epoch',
      seq: 0,
      updated: 0,
      last_mutation: this.commits.length,
      persisted_mutation: this.#persisted,
      ...(this.user === undefined ? {} : { user: this.user }),
      storage: this.name === undefined ? 'memory' : 'indexeddb',
      bytes: this.rows.size * 32
    }
  }

  rejected(): RejectedWrite[] {
    return this.refusals
  }

  dismiss(number: number): void {
    const left = this.refusals.filter((write) => write.number !== number)
    if (left.length === this.refusals.length)
      throw thrown('invalid', 'not_rejected', `there is no rejected write ${number}`)
    this.refusals = left
    this.callbacks.changed()
  }

  decided(): Decided {
    let first = 1
    while (this.outcomes.has(first)) first++
    return { device: this.device, first, rejected: this.refusals.length }
  }

  /** The server decides about a transaction. */
  decide(mutation: number, outcome: true | RejectedWrite): void {
    this.outcomes.set(mutation, outcome)
    if (outcome !== true) this.refusals.push(outcome)
    this.callbacks.changed()
  }

  become(state: EngineStatus['state'], synced = state === 'live'): void {
    this.state = state
    this.synced = synced
    this.callbacks.changed()
  }

  start(url: string): void {
    this.calls.push(`start ${url}`)
    this.become('connecting')
  }

  stop(): void {
    this.calls.push('stop')
    this.become('offline')
  }

  probe(): void {
    this.calls.push('probe')
    this.synced = false
  }

  settled(): Promise<void> {
    return this.persisted()
  }

  async persisted(): Promise<void> {
    this.#disks.waits++
    const upTo = this.commits.length
    const held = this.#disks.held
    if (held !== undefined) await new Promise<void>((resolve) => held.push(resolve))
    this.#failure ??= this.#disks.failure
    if (this.#failure !== undefined) throw this.#failure
    this.#write(upTo)
  }

  live(sql: string, params: Uint8Array): Live {
    if (sql.includes('JOIN')) throw thrown('invalid', 'live_one_table', 'a live query reads one table for now')
    if (sql === 'PANIC LIVE') throw new Error('unreachable')
    const from = unpackParameters(params)[0] as string | undefined
    const live = new FakeLive(this, from ?? '')
    this.lives.add(live)
    return live
  }

  async close(): Promise<void> {
    this.isClosed = true
    if (this.#failure !== undefined) throw this.#failure
    this.#write(this.commits.length)
  }

  commit(changes: Commit['changes'], request: string | undefined): number {
    const mutation = this.commits.length + 1
    this.commits.push({ mutation, changes, request })
    apply(this.rows, changes)
    this.callbacks.changed()
    return mutation
  }

  committed(request: string | undefined): number | undefined {
    return request === undefined ? undefined : this.commits.find((commit) => commit.request === request)?.mutation
  }

  #write(upTo: number): void {
    if (this.name === undefined) return
    const disk = this.#disks.disk(this.name)
    if (disk.owner !== this.#owner) {
      const superseded = thrown('closed', 'superseded', 'another tab has taken the database over')
      this.callbacks.failed(superseded)
      throw superseded
    }
    disk.commits.push(...this.commits.slice(disk.commits.length, upTo))
    this.#persisted = disk.commits.length
    this.callbacks.changed()
  }
}

const hex = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString('hex')

class FakeSession implements Session {
  readonly #engine: FakeEngine
  #open: { rows: Map<string, number>; changes: [string, number | null][]; base: number } | undefined

  constructor(engine: FakeEngine) {
    this.#engine = engine
    engine.sessions++
  }

  get in_transaction(): boolean {
    return this.#open !== undefined
  }

  free(): void {
    this.#open = undefined
    this.#engine.sessions--
  }

  execute(
    sql: string,
    params: Uint8Array,
    request?: Uint8Array,
    at?: number,
    seed?: Uint8Array
  ): Uint8Array | Promise<Uint8Array> {
    if (this.#engine.isClosed) throw thrown('closed', 'store_closed', 'the store is closed')
    const statements = sql.split(';\n')
    if (statements.length > 1)
      return packed(statements.map((statement) => this.execute(statement, params, request, at, seed) as Uint8Array))
    const text = sql.replaceAll('"', '')
    this.#engine.texts.push(text)
    const isGenerated = text === 'INSERT GENERATED'
    const values = isGenerated ? [`generated ${at} ${hex(seed ?? request)}`, 1] : unpackParameters(params)
    const id = hex(request)
    if (text.startsWith('SLOW'))
      return this.#engine.callbacks.query(utf8(text)).then(() => packRows('SELECT', ['text'], [[text]]))
    if (text === 'PANIC') throw new WebAssembly.RuntimeError('unreachable')
    if (text === 'BEGIN') {
      this.#open = { rows: new Map(this.#engine.rows), changes: [], base: this.#engine.commits.length }
      return packResults([{ tag: 'BEGIN' }])
    }
    if (text === 'ROLLBACK') {
      this.#open = undefined
      return packResults([{ tag: 'ROLLBACK' }])
    }
    if (text === 'COMMIT') return this.#commit(id)
    if (text.startsWith('DESCRIBE')) return packDescription(this.#engine.description)
    if (text.startsWith('ALTER') && this.#engine.refusesAlter)
      throw thrown('invalid', 'server_table', 'the server has this table: change it there')
    const [, column, type] = /ADD COLUMN IF NOT EXISTS (\w+) (\w+)/.exec(text) ?? []
    if (column !== undefined && type !== undefined)
      this.#engine.description.push([column, type, null, !text.includes('NOT NULL')])
    if (text.startsWith('CREATE') || text.startsWith('ALTER')) return packResults([{ tag: 'CREATE TABLE' }])
    return this.#statement(text, values, id)
  }

  step(sql: string, params: Uint8Array, at: number, seed: Uint8Array): Uint8Array | Promise<Uint8Array> {
    if (/\b(BEGIN|COMMIT|ROLLBACK)\b/.test(sql))
      throw thrown('invalid', 'transaction_control', 'it does not stand within a transaction that a function has begun')
    return this.execute(sql, params, undefined, at, seed)
  }

  #commit(request: string | undefined): Uint8Array {
    const open = this.#open
    if (open === undefined) {
      const before = this.#engine.committed(request)
      if (before !== undefined) return packResults([{ tag: 'COMMIT', mutation: before }])
      throw thrown('invalid', 'no_transaction', 'COMMIT without an open transaction')
    }
    this.#open = undefined
    if (open.changes.length === 0) return packResults([{ tag: 'COMMIT' }])
    if (open.base !== this.#engine.commits.length)
      throw thrown('retry', 'changed_meanwhile', 'the data changed meanwhile')
    return packResults([{ tag: 'COMMIT', mutation: this.#engine.commit(open.changes, request) }])
  }

  #statement(text: string, values: readonly unknown[], request: string | undefined): Uint8Array {
    if (this.#engine.isTableGone) throw tableGone()
    const rows = this.#open?.rows ?? this.#engine.rows
    if (text.startsWith('SELECT')) return select(text, values, rows)
    const before = this.#open === undefined ? this.#engine.committed(request) : undefined
    const tag = text.split(' ', 1)[0] as string
    if (before !== undefined) return packResults([{ tag, affected: 1, mutation: before }])
    const changes = changesOf(text, values, rows)
    if (this.#open !== undefined) {
      apply(this.#open.rows, changes)
      this.#open.changes.push(...changes)
      return packResults([{ tag, affected: changes.length }])
    }
    const mutation = changes.length === 0 ? 0 : this.#engine.commit(changes, request)
    return packResults([{ tag, affected: changes.length, mutation }])
  }
}

/** The results of statements as those of one text. */
function packed(results: readonly Uint8Array[]): Uint8Array {
  const counts = results.map((result) => new DataView(result.buffer, result.byteOffset).getUint32(0, true))
  return concat([u32(counts.reduce((sum, count) => sum + count, 0)), ...results.map((result) => result.subarray(4))])
}

function packDescription(columns: FakeEngine['description']): Uint8Array {
  const rows = columns.map(([name, type, position, nullable = position === null]) => [name, type, position, nullable])
  return packRows('DESCRIBE', ['name', 'type', 'primary_key_position', 'nullable'], rows)
}

function select(text: string, values: readonly unknown[], rows: Rows): Uint8Array {
  const [first] = values as [string?]
  if (text.includes('WHERE k = $1'))
    return packRows(
      'SELECT',
      ['k', 'v'],
      [...rows].filter(([key]) => key === first)
    )
  return packRows('SELECT', ['k', 'v'], [...rows].sort())
}

function changesOf(text: string, values: readonly unknown[], rows: Rows): [string, number | null][] {
  const [key, value] = values as [string, bigint | number]
  if (text.startsWith('INSERT')) {
    const pairs: [string, number][] = []
    for (let at = 0; at < values.length; at += 2) pairs.push([values[at] as string, Number(values[at + 1])])
    const known = pairs.find(([of]) => rows.has(of))
    if (known !== undefined) throw thrown('conflict', 'duplicate_key', `the key ${known[0]} exists`)
    return pairs
  }
  if (text.startsWith('UPDATE')) {
    const now = rows.get(key)
    return now === undefined ? [] : [[key, text.includes('+') ? now + Number(value) : Number(value)]]
  }
  if (text.startsWith('DELETE')) return rows.has(key) ? [[key, null]] : []
  throw thrown('invalid', 'syntax_error', `line 1, column 1: ${text} is no statement`, { line: 1, column: 1 })
}

/** Rows from a key on, in order of keys. */
class FakeLive implements Live {
  readonly #engine: FakeEngine
  readonly #from: string
  #first: [string, number][]
  #last: [string, number][]

  constructor(engine: FakeEngine, from: string) {
    this.#engine = engine
    this.#from = from
    this.#first = this.#last = this.#now()
  }

  rows(): Uint8Array {
    const rows = this.#first
    this.#first = []
    return concat([packRows('SELECT', ['k', 'v'], rows), ...rows.map(([key]) => keyBytes(key)), SHOWS])
  }

  changes(): Uint8Array | undefined {
    if (this.#engine.isTableGone) throw tableGone()
    const before = this.#last
    const after = this.#now()
    this.#last = after
    return packChanges(before, after)
  }

  free(): void {
    this.#engine.lives.delete(this)
  }

  #now(): [string, number][] {
    return [...this.#engine.rows].filter(([key]) => key >= this.#from).sort()
  }
}

export const keyBytes = (key: string): Uint8Array => concat([u32(utf8(key).length), utf8(key)])

/** The rows of `app.kv` are in the order of `k`; what happens to `v` moves none. */
export const SHOWS = concat([
  ...['app.kv', 1, 'k', 1, 'k', 2, 0, 'k', 1, 'v'].map((part) =>
    typeof part === 'number' ? u32(part) : keyBytes(part)
  )
])

/** The difference of two states as the engine packs it. */
export function packChanges(
  before: readonly (readonly [string, number])[],
  after: readonly (readonly [string, number])[]
): Uint8Array | undefined {
  const old = new Map(before)
  const fresh = new Map(after)
  const leaving = before.flatMap(([key, value], at) =>
    fresh.get(key) === value ? [] : [concat([u32(at), keyBytes(key)])]
  )
  const coming = after.flatMap(([key, value], at) => (old.get(key) === value ? [] : [{ at, key, value }]))
  if (leaving.length + coming.length === 0) return undefined
  return concat([
    u32(leaving.length),
    ...leaving,
    u32(coming.length),
    ...coming.map(({ at, key }) => concat([u32(at), Uint8Array.of(old.has(key) ? 1 : 0), keyBytes(key)])),
    packRows(
      'SELECT',
      ['k', 'v'],
      coming.map(({ key, value }) => [key, value])
    )
  ])
}

/** The engine's module over these disks; `made` is told of each engine. */
export function fakeModule(disks: Disks, made: (engine: FakeEngine) => void = () => {}): EngineModule {
  return {
    Engine: {
      open: async (options, callbacks) => {
        disks.opened++
        const engine = new FakeEngine(disks, options, callbacks)
        made(engine)
        return engine
      },
      delete: async (name) => void disks.disks.delete(name)
    }
  }
}
