import type { EngineStatus, ModuleInfo } from '../engine.js'
import { asStatement, databaseClosed, isKalamError, KalamError } from '../errors.js'
import { guarded, type LiveSink } from '../live/source.js'
import {
  type Answers,
  type Attachment,
  BATCH_BYTES,
  BATCH_CALLS_MAX,
  type Call,
  type OpenOptions,
  type PlainCall,
  type StorageInfo,
  type SyncWish,
  type TabInfo
} from '../protocol.js'
import type { Progress } from '../result.js'
import { type Decoded, decodeResults, type Steps } from '../values/decode.js'
import { ParameterWriter } from '../values/encode.js'
import type { ValueOptions } from '../values/columns.js'
import { commonBytes, Packer } from '../values/pack.js'
import type { Statement } from '../sql.js'
import { Alive } from './alive.js'
import type { CallPlan, Entry } from './entry.js'
import { Emitter, type Events } from './events.js'
import { Feeds } from './feeds.js'
import { Inbox } from './inbox.js'
import { Journal, WRITES_SENT_MAX } from './journal.js'
import { withinMillis } from './limits.js'
import { Link } from './link.js'
import { commitPlan, executePlan, type SentStatement, stepPlan } from './plans.js'
import { EntryProgress } from './progress.js'

/** What a client is opened with. @internal */
export interface ClientOptions {
  readonly spawn: () => Worker
  readonly open: OpenOptions
  readonly values: ValueOptions
  readonly token?: () => string | Promise<string>
  readonly wish?: SyncWish
}

/** What a statement or transaction gave, and how far its writes have come. @internal */
export interface Answer {
  readonly results: readonly Decoded[]
  readonly progress: Progress
}

/** How long closing waits for writes to become durable. */
const CLOSE_MILLIS = 10_000

/**
 * The page's end: sends what is asked for in batches, for each turn one unless it is much, and keeps it until it can be counted on.
 *
 * @internal
 */
export class Client {
  readonly events = new Emitter<Events>()
  /** Called after each change of {@link Client.status}, role or modules. */
  readonly changed = new Set<() => void>()
  /** Random; names this tab. */
  readonly tab = randomName()
  readonly values: ValueOptions
  readonly #options: ClientOptions
  readonly #journal = new Journal()
  readonly #packer = new Packer()
  readonly #parameters = new ParameterWriter()
  readonly #link: Link
  readonly #feeds = new Feeds((plan) => this.#call(plan))
  readonly #inbox = new Inbox()
  readonly #prefix = crypto.getRandomValues(new Uint8Array(10))
  readonly #alive: Alive
  #queue: Entry[] = []
  #queuedBytes = 0
  #attachment: Attachment | undefined
  #status: EngineStatus | undefined
  #wish: SyncWish | undefined
  #modules: readonly ModuleInfo[] = []
  #lastSession = 0
  /** How often durability was asked for since the engine was asked. */
  #hurries = 0
  #closing: Promise<void> | undefined
  /** The page signs out. */
  #isLeaving = false
  #ended: KalamError | undefined
  #opened!: { resolve(): void; reject(error: KalamError): void }

  constructor(options: ClientOptions) {
    this.#options = options
    this.values = options.values
    this.#wish = options.wish
    this.#alive = new Alive(options.open.name)
    this.#link = new Link(options.spawn, {
      hello: () => ({ type: 'open', options: options.open, info: this.#info() }),
      attached: (to, lost) => this.#attach(to, lost),
      // Another tab's worker may be the leader by now, and frozen.
      detached: () => this.#alive.set(false),
      answers: (answers) => this.#inbox.add(this.#take(answers)),
      token: async () => this.#token(),
      failed: (error) => this.events.emit('error', error),
      ended: (error) => this.#ends(error)
    })
  }

  /** Starts the worker. Resolves when there is an engine. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opened = { resolve, reject }
      this.#link.start()
    })
  }

  /** The engine's status; there is one once the database is open. */
  get status(): EngineStatus {
    if (this.#status === undefined) throw databaseClosed()
    return this.#status
  }

  /** Why nothing can be called any more. */
  get ended(): KalamError | undefined {
    return this.#ended
  }

  get role(): 'leader' | 'follower' {
    return this.#attachment?.role ?? 'follower'
  }

  get storage(): StorageInfo {
    if (this.#attachment === undefined) throw databaseClosed()
    return this.#attachment.storage
  }

  get modules(): readonly ModuleInfo[] {
    return this.#modules
  }

  /** Runs statements outside a transaction. */
  async execute(statement: Statement): Promise<Answer> {
    return this.#written(executePlan('execute', this.#encode(statement)))
  }

  /** The number of a new transaction's session. */
  begin(): number {
    return ++this.#lastSession
  }

  /**
   * Runs a statement in an open transaction, and gives what it was for {@link Client.commit}.
   *
   * @throws KalamError at once if it cannot be sent, which leaves the transaction as it was
   */
  step(session: number, statement: Statement, begin: boolean): Promise<{ results: Decoded[]; sent: SentStatement }> {
    const sent = this.#encode(statement)
    const entry = this.#call(stepPlan(session, sent, begin))
    sent.step = { id: entry.id, at: entry.at }
    return entry.answer.then(() => ({ results: decodeResults(entry.take(), this.values), sent }))
  }

  /** Commits an open transaction of these statements. */
  commit(session: number, statements: readonly SentStatement[]): Promise<Answer> {
    return this.#written(commitPlan(session, statements))
  }

  /** Runs statements as one transaction. */
  async script(statements: readonly Statement[]): Promise<Answer> {
    return this.commit(
      0,
      statements.map((statement, at) => asStatement(at, () => this.#encode(statement)))
    )
  }

  /** Gives an open transaction up. */
  abandon(session: number): void {
    if (this.#ended !== undefined || this.#closing !== undefined) return
    // An engine that is gone has no open transactions.
    this.#call({ survives: false, frees: true, make: (id) => ({ op: 'abandon', id, session }) }).answer.catch(() => {})
  }

  /** The rows of a query as an Arrow IPC stream. */
  async arrow(statement: Statement): Promise<Uint8Array> {
    const entry = this.#call(executePlan('arrow', this.#encode(statement)))
    await entry.answer
    return entry.take().slice()
  }

  /** Feeds a live query until what it gives is called. */
  live(statement: Statement, sink: LiveSink): () => void {
    try {
      return this.#feeds.open(this.#encode(statement), sink)
    } catch (error) {
      queueMicrotask(() => sink.failed(error as KalamError))
      return () => {}
    }
  }

  /** A call without bytes. */
  async ask<T = void>(call: PlainCall): Promise<T> {
    const waits = call.op === 'synced' || call.op === 'persisted'
    const { value } = await this.#call({ survives: true, waits, make: (id) => ({ ...call, id }) }).answer
    return value as T
  }

  /** Somebody waits until writes are durable: the engine does not wait for more of them. */
  hurry(): void {
    this.#hurries++
    if (this.#hurries > 1) return
    const asked = this.#hurries
    const again = (): void => {
      const isMore = this.#hurries > asked
      this.#hurries = 0
      if (isMore && this.#journal.undurable.length > 0) this.hurry()
    }
    void this.ask({ op: 'persisted' }).then(again, again)
  }

  /** Sets what the page wants of sync, from now on and with engines to come. */
  async wish(url: string | null): Promise<void> {
    const wish = { url, at: Math.max(Date.now(), (this.#wish?.at ?? 0) + 1) }
    this.#wish = wish
    this.#link.wish(wish)
    await this.ask({ op: 'decide', wish })
  }

  /** Waits until all that was written is durable, and closes; what is called from now on is refused. */
  async close(): Promise<void> {
    if (this.#closing !== undefined || this.#ended !== undefined) return this.#closing
    const durable = this.ask({ op: 'persisted' }).catch(() => {})
    this.#closing = withinMillis(durable, CLOSE_MILLIS).then(() => this.leave())
    return this.#closing
  }

  /** Wipes the database, and closes. */
  async signOut(discard: boolean): Promise<void> {
    this.#isLeaving = true
    try {
      await this.ask({ op: 'signOut', discard })
    } catch (error) {
      // The other tabs are told as well, and a message to all may come before the answer.
      if (!isKalamError(error) || error.code !== 'signed_out') {
        this.#isLeaving = false
        throw error
      }
    }
    await this.leave()
  }

  /** Closes without waiting for writes. */
  async leave(): Promise<void> {
    await this.#link.close()
    this.#end(databaseClosed())
  }

  /** Ends at once, without waiting for anything. */
  terminate(reason: KalamError): void {
    this.#link.terminate()
    this.#end(reason)
  }

  async #written(plan: CallPlan): Promise<Answer> {
    const entry = this.#call(plan)
    await entry.answer
    const results = decodeResults(entry.take(), this.values)
    entry.mutations = results.flatMap(({ mutation }) => (mutation > 0 ? [mutation] : []))
    return { results, progress: new EntryProgress(entry, this) }
  }

  #encode({ text, values }: Statement): SentStatement {
    return { text, params: this.#parameters.encode(values) }
  }

  #call(plan: CallPlan): Entry {
    if (this.#ended !== undefined) throw this.#ended
    if (this.#closing !== undefined) throw databaseClosed()
    const entry = this.#journal.add(plan)
    if (this.#queue.length === 0) queueMicrotask(() => this.#flush())
    this.#queue.push(entry)
    this.#queuedBytes += plan.bytes ?? 0
    // The worker begins with much while the page still makes more.
    if (this.#queue.length >= BATCH_CALLS_MAX || this.#queuedBytes >= BATCH_BYTES) this.#flush()
    return entry
  }

  /** Sends what was called in this turn; without an engine it stays in the journal, which is sent to the next. */
  #flush(): void {
    const queue = this.#queue
    this.#queue = []
    this.#queuedBytes = 0
    if (!this.#link.isAttached) return
    // What does not fit stays behind, in its order, until writes are durable.
    const end = this.#journal.fitting(queue, WRITES_SENT_MAX[this.role])
    if (end === queue.length) return this.#send(queue)
    // Not cut where nothing fits: the queue may be long, and every call comes here.
    this.#queue = end === 0 ? queue : queue.slice(end)
    if (end > 0) this.#send(queue.slice(0, end))
  }

  #send(entries: readonly Entry[]): void {
    for (let from = 0; from < entries.length; from += BATCH_CALLS_MAX) {
      const calls = entries.slice(from, from + BATCH_CALLS_MAX).map((entry) => this.#make(entry))
      // The journal keeps large parameters, so that only the common buffer is given away.
      this.#link.send({ calls, bytes: this.#packer.take().bytes })
    }
  }

  #make(entry: Entry): Call {
    const sending = { at: entry.at, again: entry.sent, replay: entry.answered }
    this.#journal.sent(entry)
    return entry.plan.make(entry.id, (bytes) => this.#packer.add(bytes), sending)
  }

  #info(): TabInfo {
    return {
      tab: this.tab,
      prefix: this.#prefix,
      ...(this.#options.open.user === undefined ? {} : { user: this.#options.open.user }),
      tokens: this.#options.token !== undefined,
      ...(this.#wish === undefined ? {} : { wish: this.#wish })
    }
  }

  async #token(): Promise<string> {
    const token: unknown = await this.#options.token?.()
    if (typeof token === 'string' && token !== '') return token
    throw new KalamError(
      'unauthorized',
      'no_token',
      token === ''
        ? 'the function `sync.token` gave an empty text'
        : 'the function `sync.token` gave something else than a text'
    )
  }

  #attach(to: Attachment, lost: { readonly error: KalamError; readonly crashed: boolean } | undefined): void {
    // The last engine's answers count.
    this.#inbox.finish()
    const before = this.#attachment
    if (lost !== undefined && before !== undefined && before.term !== to.term) {
      if (before.storage.mode === 'memory') return this.#lose(memoryLost(lost.error))
      if (to.storage.mode === 'memory') return this.#lose(storageGone(to.storage.reason))
    }
    const wasLeader = this.#attachment?.role === 'leader'
    this.#attachment = to
    this.#status = to.status
    this.#journal.device = to.status.device
    this.#modules = to.modules
    if (lost === undefined) this.#opened.resolve()
    const again = lost === undefined ? this.#journal.unsent() : this.#journal.again(lost.error, lost.crashed)
    const writes = again.filter((entry) => entry.answered).length
    this.#queue = again
    this.#flush()
    if (lost !== undefined && this.#closing === undefined) this.#feeds.again(lost.crashed)
    this.#alive.set(to.role === 'leader')
    if (wasLeader !== (to.role === 'leader')) this.events.emit('leader', to.role === 'leader')
    if (lost?.crashed === true) this.events.emit('restarted', { error: lost.error, writes })
    this.#tell()
  }

  /** Another engine has not what this page has seen and counted on. */
  #lose(error: KalamError): void {
    this.#link.terminate()
    this.#ends(error)
  }

  /** The database ends, which nobody here has asked for unless the page is leaving. */
  #ends(error: KalamError): void {
    this.#inbox.finish()
    const isAsked = this.#isLeaving || this.#closing !== undefined || this.#ended !== undefined
    this.#end(error)
    if (!isAsked && this.#attachment !== undefined) this.events.emit('error', error)
  }

  /** All of a message takes effect at once: who is answered finds it in the live queries. */
  *#take(answers: Answers): Steps<void> {
    const { status, modules, wish } = answers
    const bytes = commonBytes(answers.bytes)
    const show = yield* this.#feeds.read(answers, bytes)
    if (status !== undefined) {
      this.#status = status
      this.#journal.device = status.device
    }
    if (modules !== undefined) this.#modules = modules
    if (wish !== undefined) {
      this.#wish = wish
      this.#link.wish(wish)
    }
    for (const { error } of this.#journal.take(answers, bytes)) {
      this.events.emit(
        'error',
        new KalamError(
          error.kind,
          error.code,
          `a write was lost when the database's worker ended, and cannot be made again: ${error.message}`,
          { cause: error }
        )
      )
    }
    show()
    if (this.#queue.length > 0) this.#flush()
    if (status !== undefined || modules !== undefined) this.#tell()
  }

  #tell(): void {
    for (const listener of [...this.changed]) guarded(listener)
  }

  #end(error: KalamError): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    this.#inbox.end()
    this.#alive.set(false)
    this.#opened.reject(error)
    this.#journal.end(error)
    this.#feeds.end(error)
    this.#tell()
  }
}

/** 120 random bits as text. */
function randomName(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(15)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

const memoryLost = (cause: KalamError): KalamError =>
  new KalamError(
    'closed',
    'memory_lost',
    `the database was in memory and is gone, with what was not synced: open it again (${cause.message})`,
    { cause }
  )

const storageGone = (reason = ''): KalamError =>
  new KalamError(
    'closed',
    'storage_gone',
    `the browser gives the database no storage any more: open it again (${reason})`
  )
