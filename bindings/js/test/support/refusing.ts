/** A browser that does not open databases on disk. */
import { thrown } from './engine.js'
import type { World } from './world.js'

/** From now on opening a database on disk fails with what `refused` gives, if it gives something. */
export function refusing(world: World, refused: () => ReturnType<typeof thrown> | undefined): void {
  // No worker is needed for it.
  const load = world.environment(undefined as never).loadEngine
  world.loadEngine = async () => {
    const { module, info } = await load()
    const open = module.Engine.open.bind(module.Engine)
    return {
      info,
      module: {
        Engine: {
          ...module.Engine,
          open: (options, callbacks) => {
            const error = options.name === undefined ? undefined : refused()
            return error === undefined ? open(options, callbacks) : Promise.reject(error)
          }
        }
      }
    }
  }
}

/** From now on the browser has no IndexedDB. */
export const withoutIndexedDb = (world: World): void =>
  refusing(world, () => thrown('closed', 'no_indexeddb', 'this window has no IndexedDB'))
