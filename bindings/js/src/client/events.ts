import type { KalamError } from '../errors.js'
import { guarded } from '../live/source.js'

/** What a database tells, by name. */
export interface Events {
  /** The worker crashed and was started again; `writes` that were not persisted yet have been run again. */
  restarted: {
    /** Why it crashed. */
    readonly error: KalamError
    /** The writes that have been run again. */
    readonly writes: number
  }
  /**
   * The store does not work any more, a write that had been made is lost, or the database has ended although this page has not
   * closed it: `db.ended` is there then.
   */
  error: KalamError
  /** This tab became the leader, or ceased to be it. */
  leader: boolean
}

/** Listeners by event. @internal */
export class Emitter<E> {
  readonly #listeners = new Map<keyof E, Set<(value: never) => void>>()

  on<K extends keyof E>(event: K, listener: (value: E[K]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners)
    // Each call counts for itself, also with the same function.
    const own = (value: E[K]): void => listener(value)
    listeners.add(own)
    return () => void listeners.delete(own)
  }

  emit<K extends keyof E>(event: K, value: E[K]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])])
      guarded(() => (listener as (value: E[K]) => void)(value))
  }
}
