// The engines in one page, round robin: every engine does a pass of a measure before any does the next one.

import { limited, oneLine } from './limited.mjs'
import { NEEDS_INDEX, reason } from './measures.mjs'

/**
 * @typedef {{ ms: number, first?: number, runs?: number }} Pass
 * @typedef {{ passes: Pass[], failed?: string, left_out?: string }} Outcome
 */

/** Runs measures on the engines of a page. */
export class SideBySide {
  #page
  #engines
  #outcomes = new Map()
  /** Engines that cannot go on, and why. */
  #broken = new Map()
  #indexed = false

  /** @param page the page `bench.html`  @param {string[]} engines */
  constructor(page, engines) {
    this.#page = page
    this.#engines = engines
  }

  /** Loads the code of the engines; gives what their adapters say. */
  async prepare(options) {
    await this.#page.evaluate((options) => globalThis.bench.prepare(options), options)
    this.about = {}
    for (const engine of this.#engines) {
      try {
        this.about[engine] = await this.#call('use', engine)
      } catch (error) {
        this.about[engine] = { cannot: {} }
        this.#broken.set(engine, oneLine(error))
      }
    }
  }

  /**
   * All passes of a measure.
   * @param {import('./measures.mjs').Measure} measure
   * @param {number} passes
   * @returns {Promise<Record<string, Outcome>>} by engine
   */
  async run(measure, passes) {
    if (NEEDS_INDEX.includes(measure.name) && !this.#indexed) await this.run({ name: 'index', loaded: true }, 1)
    if (measure.name === 'index') this.#indexed = true
    const outcomes = Object.fromEntries(this.#engines.map((engine) => [engine, this.#begin(engine, measure)]))
    if (measure.loaded) for (const engine of this.#engines) await this.#load(engine, outcomes[engine])
    const count = Math.min(passes, measure.passesMax ?? passes)
    for (let pass = 0; pass < count; pass++) {
      for (const engine of rotated(this.#engines, pass)) {
        const outcome = outcomes[engine]
        if (outcome.left_out !== undefined || outcome.failed !== undefined) continue
        try {
          outcome.passes.push(await limited(this.#call('run', engine, measure.name), measure.name))
        } catch (error) {
          outcome.failed = oneLine(error)
          if (outcome.failed.includes('no end after')) this.#broken.set(engine, outcome.failed)
        }
      }
    }
    return outcomes
  }

  /** Closes the engines and deletes their rows. */
  async end() {
    for (const engine of this.#engines) {
      if (!this.#broken.has(engine)) await limited(this.#call('end', engine), 'closing').catch((error) => console.error(`${engine}: ${oneLine(error)}`))
    }
  }

  #begin(engine, measure) {
    const broken = this.#broken.get(engine)
    const leftOut = reason(this.about[engine].cannot, measure.name)
    if (leftOut !== undefined) return { passes: [], left_out: leftOut }
    return broken === undefined ? { passes: [] } : { passes: [], failed: broken }
  }

  async #load(engine, outcome) {
    if (outcome.left_out !== undefined || outcome.failed !== undefined) return
    try {
      await limited(this.#call('load', engine), 'loading the rows')
    } catch (error) {
      outcome.failed = `loading the rows: ${oneLine(error)}`
      this.#broken.set(engine, outcome.failed)
    }
  }

  #call(method, ...args) {
    return this.#page.evaluate(([method, args]) => globalThis.bench[method](...args), [method, args])
  }
}

/** The engines, beginning with another one in each pass. */
const rotated = (engines, pass) => engines.map((_, at) => engines[(at + pass) % engines.length])
