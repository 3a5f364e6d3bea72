import type { Edit } from './echo.js'
import type { LiveSource } from './source.js'

/** The live queries of a page by text and parameters: equal ones share their rows. Unused ones are forgotten. @internal */
export class LiveRegistry {
  readonly #sources = new Map<string, WeakRef<LiveSource<never>>>()
  readonly #unused = new FinalizationRegistry<string>((key) => {
    if (this.#sources.get(key)?.deref() === undefined) this.#sources.delete(key)
  })

  /** The source of this key, or a new one. */
  source<R>(key: string, make: () => LiveSource<R>): LiveSource<R> {
    const known = this.#sources.get(key)?.deref()
    if (known !== undefined) return known as LiveSource<R>
    const source = make()
    this.#sources.set(key, new WeakRef(source as LiveSource<never>))
    this.#unused.register(source, key)
    return source
  }

  /** Shows an update where it can be shown at once. Gives what is called when the engine has answered. */
  echo(edit: Edit): () => void {
    const ends = Array.from(this.#sources.values(), (source) => source.deref()?.echo(edit))
    return () => {
      for (const end of ends) end?.()
    }
  }
}
