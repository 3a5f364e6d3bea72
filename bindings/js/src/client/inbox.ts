import type { Steps } from '../values/decode.js'

/** How long the page reads messages before it does something else. */
const SLICE_MILLIS = 8
/** Messages that wait to be read; beyond them the page does nothing else. */
const WORKS_MAX = 256

/**
 * What the engine's owner has said, read in its order, in several tasks if it is much. What is read takes effect at the end of
 * its message, all at once.
 *
 * @internal
 */
export class Inbox {
  #works: Steps<void>[] = []

  /** Takes the work of a message; it is done at once unless there is much to do. */
  add(work: Steps<void>): void {
    this.#works.push(work)
    if (this.#works.length === 1) this.#go(this.#works)
    else if (this.#works.length > WORKS_MAX) this.finish()
  }

  /** Does all that is there now. */
  finish(): void {
    const works = this.#works
    this.#works = []
    this.#do(works, Number.POSITIVE_INFINITY)
  }

  /** Forgets what is there. */
  end(): void {
    this.#works.length = 0
    this.#works = []
  }

  #go(works: Steps<void>[]): void {
    this.#do(works, performance.now() + SLICE_MILLIS)
    if (works.length > 0) later(() => this.#go(works))
  }

  #do(works: Steps<void>[], until: number): void {
    for (let first = works[0]; first !== undefined; first = works[0]) {
      try {
        if (first.next().done === true) works.shift()
      } catch (error) {
        works.shift()
        queueMicrotask(() => {
          throw error
        })
      }
      if (performance.now() >= until) return
    }
  }
}

/** Calls in a task of its own, also in pages in the background, whose timers are slow. */
function later(call: () => void): void {
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    port1.close()
    call()
  }
  port2.postMessage(undefined)
}
