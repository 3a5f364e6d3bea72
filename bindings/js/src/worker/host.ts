import type { Engine, ModuleInfo } from '../engine.js'
import { databaseClosed, isKalamError, KalamError, plainError } from '../errors.js'
import type { Attachment, Call, Calls, OpenOptions, Packed, SyncWish, TabInfo } from '../protocol.js'
import { decodeHeads } from '../values/decode.js'
import { commonBytes, unpack } from '../values/pack.js'
import { AttachedTab, type TabPort } from './attached.js'
import { Durability } from './durability.js'
import type { Environment } from './environment.js'
import { Lives } from './lives.js'
import { settle, type Soon } from './outcome.js'
import { type Opened, openEngine } from './opened.js'
import { Outcomes } from './outcomes.js'
import { LazyQueryModule } from './query-module.js'
import {
  OpenTransaction,
  runScript,
  SessionPool,
  type TransactionStatement,
  TRANSACTIONS_MAX,
  transactionLost
} from './sessions.js'
import { StatusWatch } from './status.js'
import { askTabs } from './tokens.js'

/** What the worker hears of its engine. @internal */
export interface HostEvents {
  /** The engine is broken: it threw what it never throws. */
  crashed(error: unknown): void
  /** Another tab has taken the database over. */
  superseded(): void
  /** The database was deleted: resolves once the other tabs know, or do not answer. */
  wiped(): Promise<void>
  /** The tab that asked for it knows, too. */
  left(): void
}

/** Writes that do not show in a number of their own: those of the catalog. */
const CHANGES_CATALOG = /^(CREATE|ALTER|DROP)\b/

/** An open engine and the tabs that use it. @internal */
export class EngineHost {
  readonly #opened: Opened
  readonly #engine: Engine
  readonly #events: HostEvents
  readonly #tabs = new Map<string, AttachedTab>()
  readonly #pool: SessionPool
  readonly #lives: Lives
  readonly #outcomes: Outcomes
  readonly #durability: Durability
  readonly #status: StatusWatch
  readonly #query: LazyQueryModule
  #modules: readonly ModuleInfo[]
  #wish: SyncWish | undefined
  #isTurnDue = false
  #hasChanged = false
  #isHurried = false
  #hasFailed = false
  #isClosed = false

  /** Opens the database. */
  static async open(options: OpenOptions, environment: Environment, events: HostEvents): Promise<EngineHost> {
    // The engine may call before there is a host.
    const late: { host?: EngineHost } = {}
    const opened = await openEngine(options, environment, {
      changed: () => late.host?.changed(),
      token: () => askTabs([...(late.host?.tabs ?? [])], environment),
      query: (request) => late.host?.query(request) ?? Promise.reject(databaseClosed()),
      failed: (error) => late.host?.failed(error)
    })
    late.host = new EngineHost(opened, environment, events)
    return late.host
  }

  private constructor(opened: Opened, environment: Environment, events: HostEvents) {
    const { engine } = opened
    this.#opened = opened
    this.#engine = engine
    this.#events = events
    this.#modules = [opened.info]
    this.#pool = new SessionPool(engine)
    this.#lives = new Lives(engine)
    this.#outcomes = new Outcomes(engine)
    this.#query = new LazyQueryModule(environment, (info) => {
      this.#modules = [...this.#modules, info]
      this.#tell({ modules: this.#modules })
    })
    this.#status = new StatusWatch(
      engine,
      environment,
      (status) => this.#tell({ status }),
      (error) => this.#broken(error)
    )
    this.#durability = new Durability(
      () => engine.settled(),
      (commit) => this.#durable(commit),
      (error) => this.#undurable(error)
    )
  }

  /** Whether its store takes nothing any more, which another engine's may. */
  get hasFailed(): boolean {
    return this.#hasFailed && this.#opened.storage.mode === 'indexeddb'
  }

  /**
   * A tab says whose rows they are, which the first one decides.
   *
   * @throws KalamError `unauthorized`/`other_user` if they are somebody else's
   */
  claim(user: string): void {
    this.#engine.claim(user)
    this.#status.due()
  }

  get tabs(): Iterable<AttachedTab> {
    return this.#tabs.values()
  }

  /** Adds a tab, or adds it anew. */
  attach(info: TabInfo, port: TabPort, isRemote: boolean): Omit<Attachment, 'term'> {
    this.detach(info.tab)
    this.#tabs.set(info.tab, new AttachedTab(info, port, isRemote))
    try {
      if (info.wish !== undefined) this.#follow(info.wish)
    } catch (error) {
      // As an address that is none: the database works without sync.
      port.failed(error)
    }
    return {
      role: isRemote ? 'follower' : 'leader',
      storage: this.#opened.storage,
      status: this.#status.status,
      modules: this.#modules
    }
  }

  /** Lets go of what a tab had open. */
  detach(id: string): void {
    const tab = this.#tabs.get(id)
    if (tab === undefined) return
    this.#tabs.delete(id)
    this.#lives.detach(tab)
    this.#outcomes.forget(id)
    for (const transaction of tab.transactions.values()) transaction.abandon()
  }

  /** Carries out a tab's calls. Those of tabs that are not attached are of no use to anybody. */
  receive(id: string, { calls, bytes }: Calls): void {
    const tab = this.#tabs.get(id)
    if (tab === undefined || this.#isClosed) return
    const common = commonBytes(bytes)
    for (const call of calls) {
      // A crash of the engine ends it: the rest is sent again to the next one.
      if (this.#isClosed) return
      this.#carryOut(tab, call, (packed) => unpack(packed, common))
    }
    this.#turn()
  }

  /** Closes the engine. It writes what waits, unless another tab has the database by now. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#status.end()
    for (const id of [...this.#tabs.keys()]) this.detach(id)
    await this.#engine.close()
  }

  /** The engine's rows or status may be others. */
  changed(): void {
    this.#hasChanged = true
    this.#turn()
  }

  async query(request: Uint8Array): Promise<Uint8Array> {
    const module = await this.#query.get()
    return module.run(request)
  }

  failed(error: unknown): void {
    if (this.#isClosed) return
    this.#hasFailed = true
    if (isKalamError(error) && error.code === 'superseded') this.#events.superseded()
    else for (const tab of this.#tabs.values()) tab.port.failed(error)
  }

  #carryOut(tab: AttachedTab, call: Call, bytes: (packed: Packed) => Uint8Array): void {
    const { id } = call
    const failed = (error: unknown): void => this.#answerError(tab, id, error)
    const results = (work: () => Soon<Uint8Array>): void =>
      settle(work, (packed) => this.#answerResults(tab, id, packed), failed)
    const value = (work: () => Soon<unknown>): void =>
      settle(work, (of) => this.#answer(() => tab.value(id, of)), failed)
    switch (call.op) {
      case 'execute':
        return results(() =>
          this.#pool.run((session) => session.execute(call.sql, bytes(call.params), tab.request(id), call.at))
        )
      case 'step':
        return results(() => {
          const { sql, at } = call
          return this.#transaction(tab, call).step({ sql, params: bytes(call.params), at, seed: tab.seed(id) })
        })
      case 'commit': {
        const open = tab.transactions.get(call.session)
        tab.transactions.delete(call.session)
        if (open !== undefined) return results(() => open.commit(tab.request(id).slice()))
        const isWhole = call.session === 0 || call.replay
        if (!isWhole && !call.again) return failed(transactionLost())
        const statements = call.statements.map((of, part): TransactionStatement => {
          const seed = of.id === undefined ? tab.seed(id, part) : tab.seed(of.id)
          return { sql: of.sql, params: bytes(of.params), at: of.at ?? call.at, seed }
        })
        return results(() =>
          this.#pool.run((session) =>
            runScript(session, { statements, request: tab.request(id).slice(), again: call.again, isWhole })
          )
        )
      }
      case 'abandon':
        return value(() => {
          tab.transactions.get(call.session)?.abandon()
          tab.transactions.delete(call.session)
        })
      case 'arrow':
        return void this.#arrow(tab, call, bytes(call.params)).catch(failed)
      case 'live':
        return value(() => this.#lives.open(tab, call.live, { sql: call.sql, params: bytes(call.params).slice() }))
      case 'unlive':
        return value(() => this.#lives.close(tab, call.live))
      case 'synced':
        return value(() => this.#outcomes.wait(tab.info.tab, call.device, call.mutations))
      case 'persisted':
        return value(() => this.#engine.persisted())
      case 'rejected':
        return value(() => this.#engine.rejected())
      case 'dismiss':
        return value(() => this.#engine.dismiss(call.number))
      case 'decide':
        return value(() => this.#follow(call.wish))
      case 'probe':
        return value(() => {
          this.#engine.probe()
          this.#status.look()
        })
      case 'load':
        return value(() => this.#query.get().then(() => undefined))
      case 'signOut':
        return void this.#signOut(tab, id, call.discard)
    }
  }

  #transaction(tab: AttachedTab, { session, begin, at }: Call & { op: 'step' }): OpenTransaction {
    const open = tab.transactions.get(session)
    if (open !== undefined) return open
    if (!begin) throw transactionLost()
    if (tab.transactions.size >= TRANSACTIONS_MAX) {
      throw new KalamError(
        'retry',
        'too_many_transactions',
        `${TRANSACTIONS_MAX} transactions of this tab are open, which is the most: await some first`
      )
    }
    const begun = new OpenTransaction(this.#engine, at)
    tab.transactions.set(session, begun)
    return begun
  }

  async #arrow(
    tab: AttachedTab,
    { id, at, sql }: Call & { op: 'execute' | 'arrow' },
    params: Uint8Array
  ): Promise<void> {
    const module = await this.#query.get()
    const packed = await this.#pool.run((session) => session.execute(sql, params, tab.request(id), at))
    const arrow = module.to_arrow(packed)
    this.#answer(() => tab.results(id, arrow, this.#commitOf(packed)))
  }

  /** The newest wish of any tab counts. */
  #follow(wish: SyncWish): void {
    if (this.#wish !== undefined && this.#wish.at >= wish.at) return
    if (wish.url === null) this.#engine.stop()
    else this.#engine.start(wish.url)
    this.#wish = wish
    this.#tell({ wish })
    this.#status.due()
  }

  /** The database is closed after, even if the browser does not let it be deleted. */
  async #signOut(tab: AttachedTab, id: number, discard: boolean): Promise<void> {
    try {
      const { pending } = this.#engine.status()
      if (pending > 0 && !discard) {
        const waiting = pending === 1 ? '1 write waits' : `${pending} writes wait`
        throw new KalamError(
          'conflict',
          'unsynced_writes',
          `${waiting} for the server: await db.sync.waitFor('synced'), or lose them with signOut({ discard: true })`
        )
      }
      this.#engine.stop()
    } catch (error) {
      return this.#answerError(tab, id, error)
    }
    this.#isClosed = true
    this.#status.end()
    try {
      await this.#engine.close().catch((error: unknown) => {
        // What cannot be written any more is to be deleted anyway; but not what another tab has by now.
        if (isKalamError(error) && error.code === 'superseded') throw error
      })
      await this.#opened.delete()
      tab.value(id, undefined)
    } catch (error) {
      tab.error(id, error)
    }
    if (tab.isRemote) tab.flush()
    // Before anybody can open it anew.
    await this.#events.wiped()
    for (const of of this.#tabs.values()) of.flush()
    this.#events.left()
  }

  #answerResults(tab: AttachedTab, id: number, packed: Uint8Array): void {
    this.#answer(() => {
      const commit = this.#commitOf(packed)
      tab.results(id, packed, commit)
      if (commit > 0 && tab.isRemote) this.#isHurried = true
    })
  }

  /** The number of the commit that has to become durable; 0 if there is none. */
  #commitOf(packed: Uint8Array): number {
    const wrote = decodeHeads(packed).some(({ tag, mutation }) => mutation > 0 || CHANGES_CATALOG.test(tag))
    if (!wrote) return 0
    this.#status.due()
    return this.#opened.storage.mode === 'indexeddb' ? this.#durability.commit() : 0
  }

  #answerError(tab: AttachedTab, id: number, error: unknown): void {
    if (isKalamError(error)) return this.#answer(() => tab.error(id, error))
    const message = `the database's engine crashed while it ran this statement: ${plainError(error).message}`
    this.#crash(error, () => tab.error(id, new KalamError('internal', 'worker_crashed', message)))
  }

  /** Something failed that no call asked for. */
  #broken(error: unknown): void {
    if (isKalamError(error)) this.failed(error)
    else this.#crash(error)
  }

  /** The engine threw what it never throws. What made it do so is not tried again, or it would end one engine after another. */
  #crash(error: unknown, tell = (): void => {}): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#status.end()
    tell()
    for (const tab of this.#tabs.values()) tab.flush()
    this.#events.crashed(error)
  }

  #answer(tell: () => void): void {
    tell()
    this.#turn()
  }

  #durable(commit: number): void {
    for (const tab of this.#tabs.values()) tab.persisted(commit)
    this.#status.due()
    this.#turn()
  }

  #undurable(error: unknown): void {
    for (const tab of this.#tabs.values()) tab.unpersisted(error)
    this.#turn()
  }

  #tell(news: Parameters<AttachedTab['news']>[0]): void {
    for (const tab of this.#tabs.values()) tab.news(news)
    this.#turn()
  }

  /** At the end of a turn each tab is told, in one message, what the turn had for it. */
  #turn(): void {
    if (this.#isTurnDue) return
    this.#isTurnDue = true
    queueMicrotask(() => {
      this.#isTurnDue = false
      if (this.#isClosed) return
      try {
        if (this.#hasChanged) this.#look()
        this.#durability.turn()
        if (this.#isHurried) this.#hurry()
        for (const tab of this.#tabs.values()) tab.flush()
      } catch (error) {
        this.#broken(error)
      }
    })
  }

  /** Writes of other tabs are answered once they are durable. */
  #hurry(): void {
    this.#isHurried = false
    // Who waits hears of a failure.
    this.#engine.persisted().catch(() => {})
  }

  #look(): void {
    this.#hasChanged = false
    this.#status.due()
    this.#lives.flush()
    this.#outcomes.look()
  }
}
