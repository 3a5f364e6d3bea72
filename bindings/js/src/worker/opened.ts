import type { Engine, EngineCallbacks, EngineModule, ModuleInfo } from '../engine.js'
import { isKalamError } from '../errors.js'
import type { OpenOptions, StorageInfo } from '../protocol.js'
import type { Environment } from './environment.js'

/** An engine and where it keeps its rows. @internal */
export interface Opened {
  readonly engine: Engine
  readonly storage: StorageInfo
  readonly info: ModuleInfo
  /** Deletes what it keeps; only once it is closed. */
  delete(): Promise<void>
}

/**
 * Loads the engine and opens a database; in memory if the browser has no IndexedDB for the page, as in some private windows.
 *
 * @internal
 */
export async function openEngine(
  { name, user, durability }: OpenOptions,
  environment: Environment,
  callbacks: EngineCallbacks
): Promise<Opened> {
  const { module, info } = await environment.loadEngine()
  const options = { durability, ...(user === undefined ? {} : { user }) }
  if (name === undefined)
    return opened(await module.Engine.open(options, callbacks), module, info, { mode: 'memory', durability })
  try {
    const engine = await module.Engine.open({ ...options, name }, callbacks)
    return opened(engine, module, info, { mode: 'indexeddb', durability }, name)
  } catch (error) {
    if (!isKalamError(error) || error.code !== 'no_indexeddb') throw error
    const storage: StorageInfo = { mode: 'memory', durability, reason: error.message }
    return opened(await module.Engine.open(options, callbacks), module, info, storage)
  }
}

function opened(
  engine: Engine,
  { Engine }: EngineModule,
  info: ModuleInfo,
  storage: StorageInfo,
  name?: string
): Opened {
  return { engine, storage, info, delete: async () => (name === undefined ? undefined : Engine.delete(name)) }
}
