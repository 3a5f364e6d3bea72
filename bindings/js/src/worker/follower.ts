import { plainError, type PlainError } from '../errors.js'
import type { Answers, Attachment, Calls, TabInfo, ToWorker } from '../protocol.js'
import type { Channel, Environment } from './environment.js'
import {
  BUSY_MILLIS,
  type LobbyMessage,
  names,
  otherVersion,
  PING_MILLIS,
  SILENCE_MILLIS,
  TABS_VERSION,
  type ToFollower,
  type ToLeader
} from './messages.js'

/** What a follower tells its worker. @internal */
export interface FollowerEvents {
  lobby(message: LobbyMessage): void
  attached(to: Attachment): void
  answers(answers: Answers): void
  ask(ask: number): void
  failed(error: PlainError): void
  ended(error: PlainError): void
  /** The leader does not answer any more. */
  silent(): void
}

/** A tab that asks the leader's engine. @internal */
export class Follower {
  readonly #environment: Environment
  readonly #events: FollowerEvents
  readonly #channel: Channel
  readonly #info: () => TabInfo
  #term: string | undefined
  /** A welcome is awaited. */
  #isWaiting = false
  #heardWorker: number
  #heardPage = Number.NEGATIVE_INFINITY
  #ticked: number
  #cancelTick: (() => void) | undefined
  #isSilent = false

  constructor(name: string, info: () => TabInfo, environment: Environment, events: FollowerEvents) {
    this.#environment = environment
    this.#events = events
    this.#info = info
    this.#channel = (environment.channel as NonNullable<Environment['channel']>)(names.tab(name, info().tab))
    this.#channel.onmessage = ({ data }) => this.#told(data as ToFollower)
    this.#ticked = this.#heardWorker = environment.now()
    this.#hello()
    this.#tick()
  }

  /** Whether there is a leader to ask. */
  get isAttached(): boolean {
    return this.#term !== undefined
  }

  send(calls: Calls): void {
    if (this.#term !== undefined) this.#tell({ type: 'calls', term: this.#term, calls })
  }

  token({ ask, token, error }: ToWorker & { type: 'token' }): void {
    if (this.#term === undefined) return
    this.#tell({
      type: 'token',
      term: this.#term,
      ask,
      ...(token === undefined ? {} : { token }),
      ...(error === undefined ? {} : { error })
    })
  }

  /** Hears the lobby. */
  heard(message: LobbyMessage): void {
    if (message.type === 'leader') {
      this.#live()
      this.#term = undefined
      this.#hello()
    }
    if (message.type === 'pong') {
      if (message.from === 'page') {
        this.#heardPage = this.#environment.now()
        return
      }
      this.#live()
      if (message.tab !== this.#info().tab) return
      // A leader that was frozen may have welcomed it before it knew that it is none any more.
      const isOther = this.#term !== undefined && message.term !== this.#term
      if (!message.known || isOther) this.#hello()
    }
  }

  /** Leaves. */
  close(): void {
    this.#cancelTick?.()
    if (this.#term !== undefined) this.#tell({ type: 'bye', term: this.#term })
    this.#channel.onmessage = null
    this.#channel.close()
  }

  #hello(): void {
    this.#isWaiting = true
    this.#events.lobby({ type: 'hello', version: TABS_VERSION, info: this.#info() })
  }

  #told(message: ToFollower): void {
    if (message.type === 'welcome') {
      if (!this.#isWaiting && message.term !== this.#term) return
      if (message.version !== TABS_VERSION) return this.#events.ended(plainError(otherVersion()))
      this.#isWaiting = false
      this.#live()
      this.#term = message.term
      return this.#events.attached(message.to)
    }
    if (message.type === 'ended') return this.#events.ended(message.error)
    if (message.term !== this.#term) return
    this.#live()
    if (message.type === 'answers') this.#events.answers(message.answers)
    if (message.type === 'ask') this.#events.ask(message.ask)
    if (message.type === 'failed') this.#events.failed(message.error)
  }

  #tell(message: ToLeader): void {
    this.#channel.postMessage(message)
  }

  #live(): void {
    this.#heardWorker = this.#environment.now()
    this.#isSilent = false
  }

  #tick(): void {
    const now = this.#environment.now()
    // A tab that was frozen itself has heard nothing and knows nothing.
    if (now - this.#ticked > 2 * PING_MILLIS) this.#heardWorker = now
    this.#ticked = now
    const silence = now - this.#heardWorker
    const isBusy = now - this.#heardPage <= SILENCE_MILLIS && silence <= BUSY_MILLIS
    if (silence > SILENCE_MILLIS && !isBusy && !this.#isSilent) {
      this.#isSilent = true
      // Not all followers at the same time: the first one that takes over says so.
      this.#cancelTick = this.#environment.after(this.#environment.random() * PING_MILLIS, () => {
        if (this.#isSilent) this.#events.silent()
        this.#tick()
      })
      return
    }
    this.#events.lobby({ type: 'ping', tab: this.#info().tab })
    this.#cancelTick = this.#environment.after(PING_MILLIS, () => this.#tick())
  }
}
