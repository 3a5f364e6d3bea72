import type { EngineStatus, ModuleInfo } from '../engine.js'
import { plainError } from '../errors.js'
import type { Answers, LivePatch, Reply, SyncWish, TabInfo } from '../protocol.js'
import { Packer } from '../values/pack.js'
import type { OpenTransaction } from './sessions.js'

/** How a tab is reached. */
export interface TabPort {
  send(answers: Answers, transfers: ArrayBuffer[]): void
  /** Asks the tab's application for a token. */
  ask(): Promise<string>
  /** Tells that the store failed. */
  failed(error: unknown): void
  /** Tells that the database is closed for good. */
  ended(error: unknown): void
}

/** A tab that is attached to the engine, and what it is to be told at the end of the turn. @internal */
export class AttachedTab {
  readonly info: TabInfo
  readonly port: TabPort
  /** Whether it is another tab than the engine's. */
  readonly isRemote: boolean
  readonly transactions = new Map<number, OpenTransaction>()
  readonly #packer = new Packer()
  readonly #request = new Uint8Array(16)
  readonly #requestView = new DataView(this.#request.buffer)
  #replies: Reply[] = []
  #patches: LivePatch[] = []
  #held: { commit: number; reply: Reply; packed: Uint8Array }[] = []
  #news: Omit<Answers, 'replies' | 'patches' | 'bytes'> = {}

  constructor(info: TabInfo, port: TabPort, isRemote: boolean) {
    this.info = info
    this.port = port
    this.isRemote = isRemote
    this.#request.set(info.prefix)
  }

  /** The id under which the engine knows a call of the tab, which copies it before the next one is asked for. */
  request(id: number): Uint8Array {
    this.#requestView.setUint16(10, Math.floor(id / 0x1_0000_0000))
    this.#requestView.setUint32(12, id >>> 0)
    return this.#request
  }

  /** What the values follow from that the statement `part` of a call generates. */
  seed(id: number, part = 0): Uint8Array {
    const seed = new Uint8Array(20)
    seed.set(this.request(id))
    new DataView(seed.buffer).setUint32(16, part)
    return seed
  }

  /**
   * Answers a call that gave packed results. A write of another tab, with its commit's number, is answered once it is durable:
   * if this one goes, the other does not have to know.
   */
  results(id: number, packed: Uint8Array, commit: number): void {
    if (commit === 0) this.#replies.push({ id, packed: this.#packer.add(packed) })
    else if (this.isRemote) this.#held.push({ commit, reply: { id, commit: 0 }, packed })
    else this.#replies.push({ id, commit, packed: this.#packer.add(packed) })
  }

  value(id: number, value: unknown): void {
    this.#replies.push({ id, value })
  }

  error(id: number, error: unknown): void {
    this.#replies.push({ id, error: plainError(error) })
  }

  /** All rows of a live query, or what changed. */
  patch(live: number, kind: 'rows' | 'changes', bytes: Uint8Array): void {
    this.#patches.push({ live, [kind]: this.#packer.add(bytes) })
  }

  /** A live query has ended. */
  liveFailed(live: number, error: unknown): void {
    this.#patches.push({ live, error: plainError(error) })
  }

  /** Commits up to this one are durable. */
  persisted(commit: number): void {
    if (!this.isRemote) {
      this.#news = { ...this.#news, persisted: commit }
      return
    }
    const later = this.#held.findIndex((held) => held.commit > commit)
    const count = later === -1 ? this.#held.length : later
    for (const { reply, packed } of this.#held.splice(0, count))
      this.#replies.push({ ...reply, packed: this.#packer.add(packed) })
  }

  /** Commits will never be durable. */
  unpersisted(error: unknown): void {
    if (!this.isRemote) this.#news = { ...this.#news, unpersisted: plainError(error) }
    for (const { reply } of this.#held.splice(0)) this.error(reply.id, error)
  }

  news(news: { status?: EngineStatus; modules?: readonly ModuleInfo[]; wish?: SyncWish }): void {
    this.#news = { ...this.#news, ...news }
  }

  /** Sends what there is. */
  flush(): void {
    if (this.#replies.length === 0 && this.#patches.length === 0 && Object.keys(this.#news).length === 0) return
    const { bytes, transfers } = this.#packer.take()
    const patches = this.#patches.length === 0 ? undefined : { patches: this.#patches }
    const answers: Answers = { replies: this.#replies, bytes, ...patches, ...this.#news }
    this.#replies = []
    this.#patches = []
    this.#news = {}
    this.port.send(answers, transfers)
  }
}
