// The page in which the engines are measured side by side. The runner calls `bench` from outside.

import { loaders } from './adapters/index.js'
import { load, measures, reopened } from './measures.js'
import { rows } from './data.js'

/** @type {Map<string, import('./measures.js').Engine>} */
const engines = new Map()
/** @type {import('./measures.js').World} */
let world

globalThis.bench = {
  /** Makes the rows. `options`: rows, writes, url of the NDJSON, sync {url, token}. */
  prepare(options) {
    world = { ...options, rows: rows(options.rows) }
  },

  /** Loads the code of an engine: {storage, cannot}. */
  async use(name) {
    const { default: adapter } = await loaders[name]()
    engines.set(name, { name, adapter, fitting: new Map() })
    return { storage: adapter.storage, cannot: adapter.cannot ?? {} }
  },

  /**
   * Opens an engine with the rows in it, and the index if it is needed.
   * @param {string} name
   * @param {'rows' | 'index'} needed
   * @param {'rows' | 'index'} [stored] what it left in its storage
   */
  async ready(name, needed, stored) {
    const engine = engines.get(name)
    if (stored === undefined) await load(engine, world)
    else await reopened(engine, world)
    if (needed === 'index' && stored !== 'index') await measures.index(engine)
  },

  /** Runs a measure once: {ms, first?, runs, of?}. */
  run: (name, measure) => measures[measure](engines.get(name), world),

  /** Closes an engine; what it stored stays. */
  async leave(name) {
    const engine = engines.get(name)
    await engine.database?.close()
    engine.database = undefined
  },
}
