import type { KalamError } from '../errors.js'
import type { Call, Packed, Reply } from '../protocol.js'

/** Puts bytes into the message that is being made. */
export type Pack = (bytes: Uint8Array) => Packed

/** How often an entry was sent, and whether its answer is known already. */
export interface Sending {
  /** When it was called, in milliseconds since 1970. */
  readonly at: number
  readonly again: boolean
  readonly replay: boolean
}

/** What a call is, apart from where its bytes stand. */
export interface CallPlan {
  /** Makes the call, the first time and again. */
  make(id: number, pack: Pack, sending: Sending): Call
  /** Whether another engine than the one that it was sent to can answer it. */
  readonly survives: boolean
  /** Transactions that it may write, each of which the engine keeps a receipt of: few enough are under way for all to be kept. */
  readonly writes?: number
  /** Bytes of its parameters; none for calls that have few. */
  readonly bytes?: number
  /** It only waits for something and runs nothing, so that no crash is its doing. */
  readonly waits?: boolean
  /** It gives something back: there are never too many of these. */
  readonly frees?: boolean
  /** Its answer is something else than packed results. */
  readonly opaque?: boolean
}

const NOTHING = new Uint8Array()

/**
 * A call of the page from when it is made until it is answered and, if it wrote, durable.
 *
 * @internal
 */
export class Entry {
  readonly id: number
  readonly plan: CallPlan
  /** When it was called, in milliseconds since 1970. */
  readonly at = Date.now()
  /** How often it was sent while an engine crashed. */
  crashes = 0
  sent = false
  /** The number of its commit at the engine's owner, once answered. */
  commit: number | undefined
  /** The device's numbers of its transactions, and the identity under which it gave them. */
  mutations: readonly number[] = []
  device = ''
  #bytes: Uint8Array = NOTHING
  readonly answer: Promise<Reply>
  #resolve!: (reply: Reply) => void
  #reject!: (error: KalamError) => void
  #answered = false
  #durability: 'open' | 'durable' | KalamError = 'open'
  #waiters: { resolve(): void; reject(error: KalamError): void }[] | undefined

  constructor(id: number, plan: CallPlan) {
    this.id = id
    this.plan = plan
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Takes the packed results of the answer, which are kept no longer. */
  take(): Uint8Array {
    const bytes = this.#bytes
    this.#bytes = NOTHING
    return bytes
  }

  get answered(): boolean {
    return this.#answered
  }

  /** Settles the answer; the second time nothing. */
  resolve(reply: Reply, bytes: Uint8Array): void {
    this.#answered = true
    this.#bytes = bytes
    this.#resolve(reply)
  }

  /** Nothing more will be heard of it. */
  reject(error: KalamError): void {
    this.#answered = true
    this.#reject(error)
    this.settle(error)
  }

  /** Its writes are durable, or never will be. */
  settle(durability: 'durable' | KalamError): void {
    if (this.#durability !== 'open') return
    this.#durability = durability
    for (const waiter of this.#waiters ?? []) {
      if (durability === 'durable') waiter.resolve()
      else waiter.reject(durability)
    }
    this.#waiters = undefined
  }

  /** Whether its writes may become durable later. */
  get isOpen(): boolean {
    return this.#durability === 'open'
  }

  persisted(): Promise<void> {
    if (this.#durability === 'durable') return Promise.resolve()
    if (this.#durability !== 'open') return Promise.reject(this.#durability)
    return new Promise((resolve, reject) => (this.#waiters ??= []).push({ resolve, reject }))
  }
}
