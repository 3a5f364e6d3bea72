// The page in which the engines are measured side by side. The runner calls `bench` from outside.

import { loaders } from './adapters/index.js'
import { load, measures } from './measures.js'
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
    engines.set(name, { name, adapter })
    return { storage: adapter.storage, cannot: adapter.cannot ?? {} }
  },

  /** Loads the rows into an engine that has not been loaded by a measure. */
  async load(name) {
    const engine = engines.get(name)
    if (engine.database === undefined) await load(engine, world)
  },

  /** Runs a measure once: {ms, first?, runs}. */
  run: (name, measure) => measures[measure](engines.get(name), world),

  /** Closes an engine and deletes its rows. */
  async end(name) {
    const engine = engines.get(name)
    if (engine?.database !== undefined) await engine.database.close()
    await engine?.adapter.wipe(`bench-${name}`)
  },
}
