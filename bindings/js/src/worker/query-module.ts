import type { ModuleInfo, QueryModule } from '../engine.js'
import type { Environment } from './environment.js'

/** DataFusion, fetched when it is first needed. @internal */
export class LazyQueryModule {
  readonly #environment: Environment
  readonly #loaded: (info: ModuleInfo) => void
  #module: Promise<QueryModule> | undefined

  /** `loaded` is told once it is there. */
  constructor(environment: Environment, loaded: (info: ModuleInfo) => void) {
    this.#environment = environment
    this.#loaded = loaded
  }

  /** The module. If it cannot be fetched, the next one who asks tries again. */
  get(): Promise<QueryModule> {
    return (this.#module ??= this.#environment.loadQuery().then(
      ({ module, info }) => {
        this.#loaded(info)
        return module
      },
      (error: unknown) => {
        this.#module = undefined
        throw error
      }
    ))
  }
}
