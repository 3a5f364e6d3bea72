import type { EngineModule, QueryModule } from '../engine.js'
import initEngine, { Engine } from '../wasm/engine/kalamdb_wasm.js'
import initQuery, { run, to_arrow } from '../wasm/query/kalamdb_query.js'
import type { Loaded } from './environment.js'
import { load } from './load.js'

// The small scripts beside the modules come with the worker, so that bundlers make one file of it; the modules themselves are
// found by the addresses here.

/** Fetches and starts the small engine. */
export async function loadEngine(): Promise<Loaded<EngineModule>> {
  const url = new URL('../wasm/engine/kalamdb_wasm_bg.wasm', import.meta.url)
  return { info: await load('engine', url, initEngine), module: { Engine } }
}

/** Fetches and starts DataFusion. */
export async function loadQuery(): Promise<Loaded<QueryModule>> {
  const url = new URL('../wasm/query/kalamdb_query_bg.wasm', import.meta.url)
  return { info: await load('query', url, initQuery), module: { run, to_arrow } }
}
