import { isKalamError, kalamError, KalamError, plainError } from '../errors.js'
import type { Attachment, OpenOptions, TabInfo, ToWorker } from '../protocol.js'
import type { TabPort } from './attached.js'
import type { Channel, Environment } from './environment.js'
import { EngineHost, type HostEvents } from './host.js'
import {
  ASLEEP_MILLIS,
  LEAVING_MILLIS,
  type LobbyMessage,
  names,
  otherVersion,
  TABS_MAX,
  TABS_VERSION,
  type ToFollower,
  type ToLeader
} from './messages.js'

/** How often opening is tried if the store is busy for the moment. */
const OPENS_MAX = 10
const OPEN_AGAIN_MILLIS = 300
/** How often the leader looks for followers that are silent. */
const SWEEP_MILLIS = 10_000

interface Follower {
  readonly channel: Channel
  readonly asks: Asks
  /** Ends the wait for the tab's end. */
  readonly watch: AbortController
  heard: number
}

/** What a leader tells its worker. @internal */
export interface LeaderEvents extends HostEvents {
  lobby(message: LobbyMessage): void
  /** A tab has come, and the engine's store has failed: it should not be given that one. */
  useless(): void
}

/** The tab that has the engine: it serves its own page and the followers. @internal */
export class Leader {
  readonly term: string
  readonly #name: string | undefined
  readonly #environment: Environment
  readonly #events: LeaderEvents
  readonly #followers = new Map<string, Follower>()
  /** Tabs that came before the engine was open. */
  readonly #early = new Map<string, TabInfo>()
  #host: EngineHost | undefined
  #cancelSweep: (() => void) | undefined
  #isClosed = false
  /** Told of each follower that has left. */
  #left = (): void => {}

  constructor(name: string | undefined, environment: Environment, events: LeaderEvents) {
    this.#name = name
    this.#environment = environment
    this.#events = events
    this.term = `${environment.now()}-${environment.random()}`
  }

  /** Opens the engine and attaches the leader's own page. */
  async open(options: OpenOptions, own: TabInfo, port: TabPort): Promise<Attachment> {
    this.#events.lobby({ type: 'leader', term: this.term })
    const host = await this.#openHost(options)
    if (this.#isClosed) {
      await host.close()
      throw new KalamError('closed', 'superseded', 'another tab has taken the database over')
    }
    this.#host = host
    const attachment = { ...host.attach(own, port, false), term: this.term }
    for (const info of this.#early.values()) this.#welcome(info)
    this.#early.clear()
    this.#sweep()
    return attachment
  }

  /** The engine's owner for the leader's own page. */
  get host(): EngineHost | undefined {
    return this.#host
  }

  /** Hears the lobby. */
  heard(message: LobbyMessage): void {
    if (message.type === 'hello') {
      if (message.version !== TABS_VERSION) this.#refuse(message.info.tab, otherVersion())
      else if (this.#host === undefined) this.#meet(message.info)
      else if (this.#host.hasFailed) this.#events.useless()
      else this.#welcome(message.info)
    }
    if (message.type === 'ping') {
      const follower = this.#followers.get(message.tab)
      if (follower !== undefined) follower.heard = this.#environment.now()
      this.#events.lobby({
        type: 'pong',
        tab: message.tab,
        known: follower !== undefined || this.#early.has(message.tab),
        term: this.term,
        from: 'worker'
      })
    }
  }

  /** Tells all tabs that the database is gone for good; resolves once the followers have left, or do not answer. */
  end(error: KalamError): Promise<void> {
    this.#events.lobby({ type: 'ended', error: plainError(error) })
    return new Promise((resolve) => {
      const cancel = this.#environment.after(LEAVING_MILLIS, resolve)
      this.#left = () => {
        if (this.#followers.size > 0) return
        cancel()
        resolve()
      }
      this.#left()
    })
  }

  /** Closes the engine and leaves the followers. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancelSweep?.()
    // Replies that are still to come are lost: the followers ask the next leader under the same ids.
    for (const tab of [...this.#followers.keys()]) this.#forget(tab)
    await this.#host?.close()
  }

  async #openHost(options: OpenOptions): Promise<EngineHost> {
    for (let opens = 1; ; opens++) {
      try {
        return await EngineHost.open(options, this.#environment, this.#events)
      } catch (error) {
        if (
          !isKalamError(error) ||
          error.kind !== 'retry' ||
          error.code === 'module_not_loaded' ||
          opens >= OPENS_MAX ||
          this.#isClosed
        )
          throw error
        await new Promise<void>((resolve) => this.#environment.after(OPEN_AGAIN_MILLIS, resolve))
      }
    }
  }

  /** Whoever is too much asks again, with its next ping. */
  #meet(info: TabInfo): void {
    if (this.#early.size < TABS_MAX) this.#early.set(info.tab, info)
  }

  #welcome(info: TabInfo): void {
    const { channel: open, locks } = this.#environment
    if (this.#host === undefined || this.#name === undefined || open === undefined || locks === undefined) return
    this.#forget(info.tab)
    if (this.#followers.size >= TABS_MAX - 1) return this.#refuse(info.tab, tooManyTabs())
    try {
      if (info.user !== undefined) this.#host.claim(info.user)
    } catch (error) {
      return this.#refuse(info.tab, kalamError(plainError(error)))
    }
    const channel = open(names.tab(this.#name, info.tab))
    const asks = new Asks((ask) => this.#tell(channel, { type: 'ask', term: this.term, ask }))
    const follower: Follower = { channel, asks, watch: new AbortController(), heard: this.#environment.now() }
    this.#followers.set(info.tab, follower)
    channel.onmessage = ({ data }) => this.#told(info.tab, follower, data as ToLeader)
    const port: TabPort = {
      send: (answers) => this.#tell(channel, { type: 'answers', term: this.term, answers }),
      ask: () => asks.ask(),
      failed: (error) => this.#tell(channel, { type: 'failed', term: this.term, error: plainError(error) }),
      ended: (error) => this.#tell(channel, { type: 'ended', term: this.term, error: plainError(error) })
    }
    const to = { ...this.#host.attach(info, port, true), term: this.term }
    this.#tell(channel, { type: 'welcome', version: TABS_VERSION, term: this.term, to })
    // The tab holds this lock while it lives.
    locks
      .request(names.tab(this.#name, info.tab), { signal: follower.watch.signal }, async () =>
        this.#forgetOne(info.tab, follower)
      )
      .catch(() => {
        // The watch is over: the follower was forgotten otherwise.
      })
  }

  #refuse(tab: string, error: KalamError): void {
    const { channel: open } = this.#environment
    if (this.#name === undefined || open === undefined) return
    const channel = open(names.tab(this.#name, tab))
    this.#tell(channel, { type: 'ended', term: this.term, error: plainError(error) })
    channel.close()
  }

  #told(tab: string, follower: Follower, message: ToLeader): void {
    if (message.term !== this.term) return
    follower.heard = this.#environment.now()
    if (message.type === 'calls') this.#host?.receive(tab, message.calls)
    if (message.type === 'token') follower.asks.answer(message)
    if (message.type === 'bye') this.#forget(tab)
  }

  #tell(channel: Channel, message: ToFollower): void {
    channel.postMessage(message)
  }

  #forgetOne(tab: string, follower: Follower): void {
    if (this.#followers.get(tab) === follower) this.#forget(tab)
  }

  #forget(tab: string): void {
    const follower = this.#followers.get(tab)
    if (follower === undefined) return
    this.#followers.delete(tab)
    follower.watch.abort()
    follower.channel.onmessage = null
    follower.channel.close()
    follower.asks.end()
    this.#host?.detach(tab)
    this.#left()
  }

  #sweep(): void {
    this.#cancelSweep = this.#environment.after(SWEEP_MILLIS, () => {
      const now = this.#environment.now()
      for (const [tab, { heard }] of [...this.#followers]) if (now - heard > ASLEEP_MILLIS) this.#forget(tab)
      this.#sweep()
    })
  }
}

const tooManyTabs = (): KalamError =>
  new KalamError('quota', 'too_many_tabs', `${TABS_MAX} tabs have the database open, which is the most: close some`)

/** Questions for a tab's token that wait for an answer. @internal */
export class Asks {
  readonly #send: (ask: number) => void
  readonly #open = new Map<number, { resolve(token: string): void; reject(error: unknown): void }>()
  #last = 0

  constructor(send: (ask: number) => void) {
    this.#send = send
  }

  ask(): Promise<string> {
    return new Promise((resolve, reject) => {
      const ask = ++this.#last
      this.#open.set(ask, { resolve, reject })
      this.#send(ask)
    })
  }

  answer({ ask, token, error }: Omit<ToWorker & { type: 'token' }, 'type'>): void {
    const open = this.#open.get(ask)
    this.#open.delete(ask)
    if (token !== undefined) open?.resolve(token)
    else
      open?.reject(
        error === undefined
          ? new KalamError('unauthorized', 'no_token', 'the application gave no token')
          : kalamError(error)
      )
  }

  /** The tab is gone. */
  end(): void {
    for (const { reject } of this.#open.values())
      reject(new KalamError('retry', 'tab_gone', 'the tab that was asked for a token is gone'))
    this.#open.clear()
  }
}
