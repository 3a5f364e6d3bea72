import type { Client } from './client/client.js'
import type { EngineStatus, SyncState } from './engine.js'
import { KalamError, type RejectedWrite } from './errors.js'
import { guarded } from './live/source.js'

/** Where a database stands with its server; the same object until something changes, which is seen within 50 ms. */
export interface SyncStatus {
  /**
   * - `offline`: stopped, or never started
   * - `connecting`
   * - `snapshot`: downloading all rows, {@link SyncStatus.blocks} of {@link SyncStatus.blocksTotal}
   * - `catching_up`: downloading what happened meanwhile
   * - `live`: what happens on the server is here at once
   * - `waiting`: there is no connection; the next try is at {@link SyncStatus.until}
   * - `blocked`: trying again is of no use until the application does something about {@link SyncStatus.error}
   */
  readonly state: SyncState
  /** Whether all that the server had when last heard of is here, and no own write waits. */
  readonly synced: boolean
  /** Whether own writes wait for a change of the schema, here or on the server. */
  readonly held: boolean
  /** Own transactions that the server has not decided. */
  readonly pending: number
  /** Own transactions that it refused and that were not dismissed. */
  readonly rejected: number
  /** The last error, until it is overcome. */
  readonly error?: KalamError
  /** Parts of a snapshot that are here. */
  readonly blocks?: number
  /** All its parts. */
  readonly blocksTotal?: number
  /** When the next try comes, in milliseconds since 1970. */
  readonly until?: number
  /** When the server was last heard of, in milliseconds since 1970; 0 if never. */
  readonly updated: number
  /** Which history of the server's log it is. */
  readonly epoch: string
  /** The number of the log's last transaction that is here. */
  readonly seq: number
  /** The device's id. */
  readonly device: string
  /** Whose rows these are, once known. */
  readonly user?: string
  /** The device's number of its last transaction. */
  readonly lastMutation: number
  /** The device's number of the last one that is durable. */
  readonly persistedMutation: number
}

/** What {@link Sync.waitFor} takes. */
export interface WaitOptions {
  /** Gives up with the signal's reason. */
  readonly signal?: AbortSignal
  /** Gives up with `retry`/`timeout`, after so many milliseconds. */
  readonly timeout?: number
}

/** The connection to the server. */
export class Sync {
  readonly #client: Client
  readonly #url: string | undefined
  #of: EngineStatus | undefined
  #status: SyncStatus | undefined

  /** @internal */
  constructor(client: Client, url: string | undefined) {
    this.#client = client
    this.#url = url
  }

  /** The present status: for React, `useSyncExternalStore(db.sync.subscribe, () => db.sync.status)`. */
  get status(): SyncStatus {
    const of = this.#client.status
    if (this.#status === undefined || this.#of !== of) {
      const status = publicStatus(of)
      // Much of what the engine says changes with each write and is not about sync.
      if (this.#status === undefined || !sameStatus(this.#status, status)) this.#status = status
      this.#of = of
    }
    return this.#status
  }

  /** Calls `listener` after each change of {@link Sync.status}. Gives what ends that. */
  readonly subscribe = (listener: () => void): (() => void) => {
    let last = this.status
    const changed = (): void => {
      const status = this.status
      if (status === last) return
      last = status
      guarded(listener)
    }
    this.#client.changed.add(changed)
    return () => void this.#client.changed.delete(changed)
  }

  /**
   * Resolves when the database is `synced`: all that the server has by now is here, and nothing waits to be sent; or when
   * it is `live`.
   *
   * ```ts
   * import { open } from 'kalamdb'
   *
   * const db = await open({ name: 'waiting', storage: 'memory' })
   * db.sync.waitFor('synced', { timeout: 5_000 }).catch((error) => console.log(error.code)) // sync_not_started
   * ```
   *
   * @throws KalamError of the server's kind if sync is blocked, `invalid`/`sync_not_started` if `open` was given no server, `retry`/`timeout`
   */
  async waitFor(goal: 'synced' | 'live', { signal, timeout }: WaitOptions = {}): Promise<void> {
    if (goal !== 'synced' && goal !== 'live')
      throw new KalamError('invalid', 'bad_goal', "sync.waitFor waits for 'synced' or 'live'")
    signal?.throwIfAborted()
    if (this.#url === undefined && this.status.state === 'offline') throw notStarted()
    // Once that is answered, `synced` speaks of what the server has by now.
    const probed = goal === 'synced' ? this.#client.ask({ op: 'probe' }) : Promise.resolve()
    const reached = (status: SyncStatus): boolean => (goal === 'live' ? status.state === 'live' : status.synced)
    await this.#until(probed, reached, goal, signal, timeout)
  }

  /** The writes that the server refused, oldest first. They stay in the list until they are dismissed. */
  rejected(): Promise<RejectedWrite[]> {
    return this.#client.ask({ op: 'rejected' })
  }

  /**
   * Takes a write out of {@link Sync.rejected}.
   *
   * @throws KalamError `invalid`/`not_rejected` if there is none of this number
   */
  dismiss(number: number): Promise<void> {
    return this.#client.ask({ op: 'dismiss', number })
  }

  /** Connects, and stays connected: with the server of `open`, in all tabs. */
  async start(): Promise<void> {
    if (this.#url === undefined) throw notStarted()
    await this.#client.wish(this.#url)
  }

  /** Disconnects, in all tabs. Reading and writing go on; what is written waits. */
  async stop(): Promise<void> {
    await this.#client.wish(null)
  }

  /** Resolves once the status has `reached` what is wanted, looking at it from `begin` on. */
  #until(
    begin: Promise<void>,
    reached: (status: SyncStatus) => boolean,
    goal: string,
    signal?: AbortSignal,
    timeout?: number
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined
      let isOver = false
      const finish = (settle: () => void): void => {
        isOver = true
        this.#client.changed.delete(check)
        signal?.removeEventListener('abort', abort)
        clearTimeout(timer)
        settle()
      }
      const abort = (): void => finish(() => reject(signal?.reason as Error))
      const check = (): void => {
        const closed = this.#client.ended
        if (closed !== undefined) return finish(() => reject(closed))
        const status = this.status
        if (reached(status)) return finish(resolve)
        if (status.state === 'blocked')
          finish(() => reject(status.error ?? new KalamError('retry', 'blocked', 'sync is blocked')))
      }
      signal?.addEventListener('abort', abort)
      if (timeout !== undefined) {
        timer = setTimeout(() => {
          const { state, pending, error } = this.status
          const why = error === undefined ? '' : ` (${error.message})`
          const message = `the database is not ${goal} after ${timeout} ms: sync is ${state}${why}, and ${pending} writes wait`
          finish(() => reject(new KalamError('retry', 'timeout', message, { cause: error })))
        }, timeout)
      }
      begin.then(
        () => {
          if (isOver) return
          this.#client.changed.add(check)
          check()
        },
        (error: unknown) => finish(() => reject(error as Error))
      )
    })
  }
}

function publicStatus(of: EngineStatus): SyncStatus {
  const { state, synced, held, pending, rejected, updated, epoch, seq, device } = of
  return Object.freeze({
    state,
    synced,
    held,
    pending,
    rejected,
    updated,
    epoch,
    seq,
    device,
    lastMutation: of.last_mutation,
    persistedMutation: of.persisted_mutation,
    ...(of.error === undefined ? {} : { error: new KalamError(of.error.kind, of.error.code, of.error.message) }),
    ...(of.blocks === undefined ? {} : { blocks: of.blocks }),
    ...(of.blocks_total === undefined ? {} : { blocksTotal: of.blocks_total }),
    ...(of.until === undefined ? {} : { until: of.until }),
    ...(of.user === undefined ? {} : { user: of.user })
  })
}

function sameStatus(a: SyncStatus, b: SyncStatus): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof SyncStatus>
  for (const name of names) {
    const same =
      name === 'error' ? a.error?.code === b.error?.code && a.error?.message === b.error?.message : a[name] === b[name]
    if (!same) return false
  }
  return true
}

const notStarted = (): KalamError =>
  new KalamError('invalid', 'sync_not_started', 'this database has no server: pass sync: { url, token } to open()')
