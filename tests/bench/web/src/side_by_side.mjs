// The engines in one page, round robin: every engine does a pass of a measure before any does the next one. Each measure has
// a browser of its own, so that none begins with what the one before left in memory, or ends with it. The profile stays: a
// database that persists is opened again, one that does not is loaded again.

import { profile } from './browser.mjs'
import { Hangs, oneLine } from './limited.mjs'
import { reason } from './measures.mjs'
import { Lost, Tab } from './tab.mjs'

/** Pages that a measure may lose before it is given up. */
const LOST_MAX = 3

/**
 * @typedef {{ ms: number, first?: number, runs?: number, of?: number }} Pass
 * @typedef {{ passes: Pass[], failed?: string, left_out?: string }} Outcome
 */

/** Runs measures on the engines. */
export class SideBySide {
  #engines
  #where
  /** The profile, and what is stored in it by engine: `rows`, or `index` for both. */
  #profile
  #stored = new Map()
  /** Engines that hang, and where. */
  #broken = new Map()
  /** Where the rows of each engine are. */
  storage = {}
  /** The browser's version. */
  version

  /**
   * @param {string[]} engines
   * @param {{ chromium: string, url: string, signal: AbortSignal }} where the page is; the signal ends the run
   */
  constructor(engines, where) {
    this.#engines = engines
    this.#where = where
  }

  /**
   * All passes of a measure. If the page is lost, the engine whose turn it was has failed, and the others begin anew.
   * @param {import('./measures.mjs').Measure} measure
   * @param {number} passes
   * @param {object} world as `bench.prepare` takes it
   * @param {Record<string, string>} [unable] engines that fail without being asked, and why
   * @returns {Promise<Record<string, Outcome>>} by engine
   * @throws {unknown} the reason of the signal
   */
  async run(measure, passes, world, unable = {}) {
    const begun = (engine) => ({ passes: [], failed: unable[engine] ?? this.#broken.get(engine) })
    const outcomes = Object.fromEntries(this.#engines.map((engine) => [engine, begun(engine)]))
    for (let lost = 1; ; lost++) {
      try {
        await this.#attempt(measure, Math.min(passes, measure.passesMax ?? passes), world, outcomes)
        return outcomes
      } catch (error) {
        this.#where.signal.throwIfAborted()
        await this.end()
        console.error(`${measure.name}, ${error.engine ?? 'the page'}: ${oneLine(error)}; what was measured is dropped`)
        for (const [engine, outcome] of Object.entries(outcomes)) {
          if (!going(outcome)) continue
          outcome.passes = []
          if (engine === error.engine || lost === LOST_MAX) outcome.failed = oneLine(error)
        }
      }
    }
  }

  /** Deletes the profile. */
  async end() {
    this.#stored.clear()
    await this.#profile?.remove()
    this.#profile = undefined
  }

  async #attempt(measure, passes, world, outcomes) {
    const engines = this.#engines.filter((engine) => going(outcomes[engine]))
    if (engines.length === 0) return
    this.#profile ??= await profile()
    const tab = await Tab.open(this.#where, this.#profile.folder, measure.name)
    try {
      this.version = tab.version
      await tab.prepare(world)
      for (const engine of engines) await this.#step(engine, outcomes[engine], () => this.#ready(tab, engine, measure, outcomes[engine]))
      for (let pass = 0; pass < passes; pass++) {
        for (const engine of rotated(engines, pass)) {
          const { passes } = outcomes[engine]
          await this.#step(engine, outcomes[engine], async () => passes.push(await tab.ask(engine, measure.name, 'run', measure.name)))
        }
      }
      for (const engine of engines) await this.#leave(tab, engine, measure, outcomes[engine])
    } finally {
      await tab.close()
    }
  }

  /** A step of an engine that is still going. */
  async #step(engine, outcome, work) {
    if (!going(outcome)) return
    try {
      await work()
    } catch (error) {
      this.#hung(engine, error)
      if (error instanceof Lost) throw error
      outcome.failed = oneLine(error)
    }
  }

  /** Loads the code of an engine, and its rows and index if the measure needs them. */
  async #ready(tab, engine, measure, outcome) {
    const { storage, cannot } = await tab.ask(engine, 'loading the code', 'use')
    this.storage[engine] = storage
    outcome.left_out = reason(cannot, measure.name)
    if (outcome.left_out !== undefined || measure.needs === undefined) return
    await tab.ask(engine, 'loading the rows', 'ready', measure.needs, this.#stored.get(engine))
  }

  /** Closes an engine, so that its database can be opened again. What failed is made anew for the next measure. */
  async #leave(tab, engine, measure, outcome) {
    const left = measure.leaves ?? measure.needs
    if (outcome.left_out !== undefined || left === undefined) return
    this.#stored.delete(engine)
    if (outcome.failed !== undefined) return
    try {
      await tab.ask(engine, 'closing', 'leave')
      if (this.storage[engine] !== 'memory') this.#stored.set(engine, left)
    } catch (error) {
      this.#hung(engine, error)
      console.error(`${measure.name}, closing ${engine}: ${oneLine(error)}`)
    }
  }

  /** An engine that hangs once is not waited for again. */
  #hung(engine, error) {
    if (error instanceof Hangs || error.cause instanceof Hangs) this.#broken.set(engine, oneLine(error))
  }
}

const going = ({ failed, left_out }) => failed === undefined && left_out === undefined

/** The engines, beginning with another one in each pass. */
const rotated = (engines, pass) => engines.map((_, at) => engines[(at + pass) % engines.length])
