import { type KalamError, KalamError as Failure, kalamError } from '../errors.js'
import type { Answers, Reply } from '../protocol.js'
import { decodeMutations } from '../values/decode.js'
import { unpack } from '../values/pack.js'
import { type CallPlan, Entry } from './entry.js'

/** Calls of a page that are not answered, and writes that are not durable. */
export const ENTRIES_MAX = 250_000
/**
 * Writes that are under way, sent and neither refused nor durable; a text of more statements goes alone. The engine keeps
 * 16 384 receipts for all tabs together: those of one leader and a hundred followers fit, or of eight followers that send texts
 * of a thousand statements.
 */
export const WRITES_SENT_MAX = { leader: 8_192, follower: 64 } as const
/** How often a call is tried again after a crash of the engine before it is taken for the cause. */
const CRASHES_MAX = 3

/**
 * All that the page has asked for and cannot count on yet. If the engine is gone, these calls are sent again, in their order
 * and under their ids, so that each takes effect once.
 *
 * @internal
 */
export class Journal {
  /** The device's present identity. */
  device = ''
  readonly #entries = new Map<number, Entry>()
  /** Answered writes in the order of their commits. */
  #undurable: Entry[] = []
  #lastId = 0
  /** Writes that are under way. */
  #writesSent = 0

  /** Takes note that a call is sent. */
  sent(entry: Entry): void {
    if (!entry.sent) this.#writesSent += entry.plan.writes ?? 0
    entry.sent = true
  }

  /** How many of these can be sent now, from the first on, so that at most `most` writes are under way. */
  fitting(entries: readonly Entry[], most: number): number {
    let under = this.#writesSent
    for (const [at, entry] of entries.entries()) {
      const writes = entry.sent ? 0 : (entry.plan.writes ?? 0)
      if (writes > 0 && under > 0 && under + writes > most) return at
      under += writes
    }
    return entries.length
  }

  /** Calls and writes that are still open. */
  get size(): number {
    return this.#entries.size
  }

  /** Writes that were answered and are not durable. */
  get undurable(): readonly Entry[] {
    return this.#undurable
  }

  /**
   * Adds a call.
   *
   * @throws KalamError `retry`/`too_many_calls` beyond {@link ENTRIES_MAX}
   */
  add(plan: CallPlan): Entry {
    if (this.#entries.size >= ENTRIES_MAX && plan.frees !== true) {
      throw new Failure(
        'retry',
        'too_many_calls',
        `${ENTRIES_MAX} calls wait for the database, which is the most: await some of them first`
      )
    }
    const entry = new Entry(++this.#lastId, plan)
    this.#entries.set(entry.id, entry)
    return entry
  }

  /** Takes what the engine's owner says; `common` are its common bytes. Gives replayed writes that failed. */
  take(answers: Answers, common: Uint8Array): { entry: Entry; error: KalamError }[] {
    const failed: { entry: Entry; error: KalamError }[] = []
    for (const reply of answers.replies) {
      const entry = this.#entries.get(reply.id)
      if (entry === undefined) continue
      const bytes = reply.packed === undefined ? EMPTY : unpack(reply.packed, common)
      if (reply.error === undefined) this.#answered(entry, reply, bytes)
      else {
        const error = kalamError(reply.error)
        if (entry.answered) failed.push({ entry, error })
        this.#drop(entry, error)
      }
    }
    if (answers.persisted !== undefined) this.#durable(answers.persisted)
    if (answers.unpersisted !== undefined) {
      const error = kalamError(answers.unpersisted)
      for (const entry of this.#undurable) this.#drop(entry, error)
      this.#undurable = []
    }
    return failed
  }

  /** What the first engine is sent. */
  unsent(): Entry[] {
    return [...this.#entries.values()].filter((entry) => !entry.sent)
  }

  /**
   * Another engine is there: gives what to send to it. What cannot be sent again is rejected.
   *
   * @param lost why the last engine is gone; with `crashed` after a crash, which counts against what was under way
   */
  again(lost: KalamError, crashed: boolean): Entry[] {
    this.#undurable = []
    const again: Entry[] = []
    for (const entry of this.#entries.values()) {
      if (!entry.sent) again.push(entry)
      else if (!entry.plan.survives) this.#drop(entry, lost)
      else if (crashed && !entry.answered && entry.plan.waits !== true && ++entry.crashes >= CRASHES_MAX) {
        this.#drop(
          entry,
          new Failure(
            'internal',
            'worker_crashed',
            `the database's worker crashed ${CRASHES_MAX} times while it ran this statement, which is given up: ${lost.message}`
          )
        )
      } else {
        entry.commit = undefined
        again.push(entry)
      }
    }
    return again
  }

  /** The database is gone for good. */
  end(error: KalamError): void {
    for (const entry of this.#entries.values()) entry.reject(error)
    this.#entries.clear()
    this.#undurable = []
  }

  #answered(entry: Entry, reply: Reply, bytes: Uint8Array): void {
    entry.device = this.device
    // A write that was lost and made again has other numbers.
    if (entry.answered && entry.plan.opaque !== true) entry.mutations = decodeMutations(bytes)
    if (reply.commit !== undefined && reply.commit > 0) {
      entry.commit = reply.commit
      this.#undurable.push(entry)
    } else {
      this.#remove(entry)
      entry.settle('durable')
    }
    entry.resolve(reply, bytes)
  }

  #durable(commit: number): void {
    let count = 0
    for (const entry of this.#undurable) {
      if ((entry.commit ?? 0) > commit) break
      this.#remove(entry)
      entry.settle('durable')
      count++
    }
    this.#undurable = count === this.#undurable.length ? [] : this.#undurable.slice(count)
  }

  #remove(entry: Entry): void {
    if (this.#entries.delete(entry.id) && entry.sent) this.#writesSent -= entry.plan.writes ?? 0
  }

  #drop(entry: Entry, error: KalamError): void {
    this.#remove(entry)
    entry.reject(error)
  }
}

const EMPTY = new Uint8Array()
