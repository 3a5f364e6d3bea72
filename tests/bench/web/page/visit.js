// A visit of a page that uses one engine: its code is loaded, a database is opened, a query is answered.

import { loaders } from './adapters/index.js'
import { rows } from './data.js'

/** Rows of the database that is visited, and runs that let the browser see which code matters. */
const ROWS = 1_000
const WARM_RUNS = 100

globalThis.visit = {
  /** Milliseconds from asking for the engine's code to the first answer; opening and the query are parts of it. */
  async first(name) {
    const start = performance.now()
    const { default: adapter } = await loaders[name]()
    const code = performance.now()
    const database = await adapter.open(`visit-${name}`)
    const open = performance.now()
    await database.filterOrderLimit()
    const end = performance.now()
    globalThis.visited = database
    return { ms: end - start, code: code - start, open: open - code, query: end - open }
  },

  /** Uses the engine for a while: with rows in it, the query again, and what the engine's larger part answers, if any. */
  async warmUp() {
    const database = globalThis.visited
    const [{ n }] = await database.scan()
    if (Number(n) === 0) {
      await database.bulkLoad(rows(ROWS))
      await database.persisted()
    }
    for (let run = 0; run < WARM_RUNS; run++) await database.filterOrderLimit()
  },

  /** The query that joins, if the engine has one. */
  join: () => globalThis.visited.selfJoin?.(),

  close: () => globalThis.visited.close(),
}
