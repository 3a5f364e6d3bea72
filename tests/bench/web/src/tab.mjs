// The page `bench.html` in a browser of its own, and what the engines in it are asked.

import { openPage } from './browser.mjs'
import { Hangs, limited, oneLine } from './limited.mjs'

/** The page is gone, or does not answer: everything in it is lost. */
export class Lost extends Error {
  /** @param {string} engine whose turn it was */
  constructor(engine, message, cause) {
    super(message, { cause })
    this.engine = engine
  }
}

export class Tab {
  #opened
  #turn = 'the page'

  constructor(opened) {
    this.#opened = opened
  }

  /**
   * @param {{ chromium: string, url: string, signal: AbortSignal }} where
   * @param {string} folder of the profile
   * @param {string} measure for what is printed
   */
  static async open({ chromium, url, signal }, folder, measure) {
    const complaints = new Set()
    let tab
    const complained = (message) => {
      const complaint = `${measure}, ${tab?.#turn ?? 'the page'}: ${message}`
      if (!complaints.has(complaint)) console.error(complaint)
      complaints.add(complaint)
    }
    tab = new Tab(await openPage(chromium, folder, url, { signal, complained }))
    return tab
  }

  get version() {
    return this.#opened.version
  }

  /** Makes the rows; `world` as `bench.prepare` takes it. */
  prepare(world) {
    return this.#call('prepare', world)
  }

  /**
   * A step of an engine.
   * @param {string} engine
   * @param {string} what it is, for the error
   * @param {string} method of `bench`, which takes the engine's name first
   * @throws {Lost} if the page is lost by it
   * @throws {Hangs} if it does not end
   */
  async ask(engine, what, method, ...args) {
    this.#turn = engine
    try {
      return await limited(this.#call(method, engine, ...args), what)
    } catch (error) {
      const lost = await this.#opened.lost()
      if (lost === undefined) throw error
      throw new Lost(engine, error instanceof Hangs ? oneLine(error) : lost, error)
    }
  }

  close() {
    return this.#opened.close()
  }

  #call(method, ...args) {
    return this.#opened.page.evaluate(([method, args]) => globalThis.bench[method](...args), [method, args])
  }
}
