import type { Engine, EngineStatus } from '../engine.js'
import type { Environment } from './environment.js'

/** Milliseconds between two looks at the engine's status. */
const STATUS_MILLIS = 50

/** Looks at the engine's status now and then, and tells when it is another one. @internal */
export class StatusWatch {
  readonly #engine: Engine
  readonly #environment: Environment
  readonly #changed: (status: EngineStatus) => void
  readonly #failed: (error: unknown) => void
  #status: EngineStatus
  #at: number
  #cancel: (() => void) | undefined

  constructor(
    engine: Engine,
    environment: Environment,
    changed: (status: EngineStatus) => void,
    failed: (error: unknown) => void
  ) {
    this.#engine = engine
    this.#environment = environment
    this.#changed = changed
    this.#failed = failed
    this.#status = engine.status()
    this.#at = environment.now()
  }

  /** The status when it was looked at last. */
  get status(): EngineStatus {
    return this.#status
  }

  /** The status may be another one: looks at it soon. */
  due(): void {
    if (this.#cancel !== undefined) return
    const wait = this.#at + STATUS_MILLIS - this.#environment.now()
    if (wait <= 0) this.look()
    else this.#cancel = this.#environment.after(wait, () => this.look())
  }

  /** Looks at it now. */
  look(): void {
    this.end()
    this.#at = this.#environment.now()
    let status: EngineStatus
    try {
      status = this.#engine.status()
    } catch (error) {
      return this.#failed(error)
    }
    if (isEqual(this.#status, status)) return
    this.#status = status
    this.#changed(status)
  }

  /** Does not look any more. */
  end(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}

function isEqual(a: EngineStatus, b: EngineStatus): boolean {
  const [left, right] = [a, b] as unknown as [Record<string, unknown>, Record<string, unknown>]
  const names = new Set([...Object.keys(left), ...Object.keys(right)])
  names.delete('error')
  for (const name of names) if (left[name] !== right[name]) return false
  return a.error?.code === b.error?.code && a.error?.message === b.error?.message
}
