/** An origin with its tabs in one thread: workers, locks and channels, a clock that tests turn, tabs that freeze and die. */
import type { QueryModule } from '../../src/engine.js'
import { open, type DatabaseOptions } from '../../src/open.js'
import type { Database } from '../../src/database.js'
import type { Tables } from '../../src/schema/schema.js'
import type { ToWorker } from '../../src/protocol.js'
import type { Channel, Environment, Locks } from '../../src/worker/environment.js'
import { Member } from '../../src/worker/member.js'
import { Disks, FakeEngine, fakeModule } from './engine.js'

interface Waiter {
  readonly worker: FakeWorker
  readonly held: () => Promise<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

interface Timer {
  readonly at: number
  readonly worker: FakeWorker
  readonly call: () => void
}

const aborted = (why: string): Error => Object.assign(new Error(why), { name: 'AbortError' })

export class World {
  readonly disks = new Disks()
  readonly workers: FakeWorker[] = []
  readonly engines: FakeEngine[] = []
  readonly channels = new Set<FakeChannel>()
  /** Set to make the engine's module fail to load, or to change what it opens. */
  loadEngine: Environment['loadEngine'] | undefined
  query: QueryModule = {
    run: async (request) => request,
    to_arrow: (results) => Uint8Array.of(65, 82, ...results.slice(0, 2))
  }
  queryLoads = 0
  /** Told of each engine when it is opened. */
  onEngine: (engine: FakeEngine) => void = () => {}
  hasLocks = true
  /** Whether the browser refuses them to the page when they are asked for. */
  refusesLocks = false
  now = 0
  #timers: Timer[] = []
  #queue: { worker: FakeWorker | undefined; call: () => void }[] = []
  readonly #locks = new Map<string, { holder: Waiter | undefined; queue: Waiter[] }>()

  /** Opens a database in a new tab. */
  open<T extends Tables = Record<never, never>>(options: Partial<DatabaseOptions<T>> = {}): Promise<Database<T>> {
    return open<T, 'date'>({ name: 'db', worker: () => this.spawn(), ...options })
  }

  spawn(): Worker {
    const worker = new FakeWorker(this)
    this.workers.push(worker)
    return worker as unknown as Worker
  }

  /** The engine that was opened last. */
  get engine(): FakeEngine {
    return this.engines.at(-1) as FakeEngine
  }

  /** What pages take for `BroadcastChannel`; they are never frozen. */
  pageChannels(): new (name: string) => Channel {
    const world = this
    return class extends FakeChannel {
      constructor(name: string) {
        super(world, undefined, name)
      }
    }
  }

  environment(worker: FakeWorker): Environment {
    return {
      locks: this.hasLocks
        ? ({ request: (name, options, held) => this.#request(worker, name, options, held) } satisfies Locks)
        : undefined,
      channel: (name) => new FakeChannel(this, worker, name),
      loadEngine:
        this.loadEngine ??
        (async () => ({
          module: fakeModule(this.disks, (engine) => {
            this.engines.push(engine)
            this.onEngine(engine)
          }),
          info: { name: 'engine', bytes: 1, ms: 1 }
        })),
      loadQuery: async () => {
        this.queryLoads++
        return { module: this.query, info: { name: 'query', bytes: 2, ms: 1 } }
      },
      now: () => this.now,
      after: (millis, call) => {
        const timer = { at: this.now + millis, worker, call }
        this.#timers.push(timer)
        return () => void (this.#timers = this.#timers.filter((other) => other !== timer))
      },
      random: () => (this.workers.indexOf(worker) + 1) / (this.workers.length + 1)
    }
  }

  /** Calls later, for a worker that may be frozen or gone by then. */
  later(worker: FakeWorker | undefined, call: () => void): void {
    this.#queue.push({ worker, call })
    if (this.#queue.length === 1) setImmediate(() => this.#deliver())
  }

  /** Waits until there is nothing under way. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet++) {
      if (this.#queue.length > 0) quiet = 0
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Lets time pass. */
  async advance(millis: number): Promise<void> {
    const end = this.now + millis
    await this.settle()
    for (;;) {
      const due = this.#timers.filter((timer) => !timer.worker.isFrozen).sort((a, b) => a.at - b.at)[0]
      if (due === undefined || due.at > end) break
      this.#timers = this.#timers.filter((timer) => timer !== due)
      this.now = Math.max(this.now, due.at)
      if (!due.worker.isGone) due.call()
      await this.settle()
    }
    this.now = end
  }

  release(worker: FakeWorker): void {
    for (const channel of [...this.channels]) if (channel.worker === worker) channel.close()
    for (const [name, lock] of this.#locks) {
      lock.queue = lock.queue.filter((waiter) => waiter.worker !== worker)
      if (lock.holder?.worker === worker) {
        lock.holder = undefined
        this.#grant(name)
      }
    }
  }

  #deliver(): void {
    const queue = this.#queue
    this.#queue = []
    for (const { worker, call } of queue) {
      if (worker?.isGone) continue
      if (worker?.isFrozen) worker.backlog.push(call)
      else call()
    }
  }

  #request(
    worker: FakeWorker,
    name: string,
    options: { signal?: AbortSignal; steal?: boolean },
    held: () => Promise<unknown>
  ): Promise<unknown> {
    if (this.refusesLocks)
      return Promise.reject(Object.assign(new Error('no locks in this context'), { name: 'SecurityError' }))
    return new Promise((resolve, reject) => {
      const lock = this.#locks.get(name) ?? { holder: undefined, queue: [] }
      this.#locks.set(name, lock)
      const waiter = { worker, held, resolve, reject }
      if (options.signal?.aborted) return reject(aborted('aborted'))
      options.signal?.addEventListener('abort', () => {
        if (!lock.queue.includes(waiter)) return
        lock.queue = lock.queue.filter((other) => other !== waiter)
        reject(aborted('aborted'))
      })
      if (options.steal === true) {
        const robbed = lock.holder
        lock.holder = undefined
        lock.queue.unshift(waiter)
        if (robbed !== undefined) this.later(robbed.worker, () => robbed.reject(aborted('stolen')))
      } else lock.queue.push(waiter)
      this.#grant(name)
    })
  }

  #grant(name: string): void {
    const lock = this.#locks.get(name)
    if (lock === undefined || lock.holder !== undefined) return
    const next = lock.queue.shift()
    if (next === undefined) return
    lock.holder = next
    this.later(next.worker, () => {
      // It may have been stolen before it was heard of.
      if (lock.holder !== next) return
      const over = (settle: (value: unknown) => void) => (value: unknown) => {
        if (lock.holder !== next) return
        lock.holder = undefined
        settle(value)
        this.#grant(name)
      }
      void next.held().then(over(next.resolve), over(next.reject))
    })
  }
}

class FakeChannel implements Channel {
  onmessage: Channel['onmessage'] = null

  constructor(
    readonly world: World,
    readonly worker: FakeWorker | undefined,
    readonly name: string
  ) {
    world.channels.add(this)
  }

  postMessage(message: unknown): void {
    // What a worker that is gone still does in this thread, nobody hears.
    if (this.worker?.isGone) return
    if (!this.world.channels.has(this)) throw new Error('the channel is closed')
    for (const channel of this.world.channels) {
      if (channel === this || channel.name !== this.name) continue
      const data = structuredClone(message)
      this.world.later(channel.worker, () => {
        if (this.world.channels.has(channel)) channel.onmessage?.({ data })
      })
    }
  }

  close(): void {
    this.world.channels.delete(this)
  }
}

/** A worker of the package in this thread. */
export class FakeWorker {
  onmessage: ((event: { data: unknown }) => void) | null = null
  onerror: ((event: Event) => void) | null = null
  onmessageerror: (() => void) | null = null
  isFrozen = false
  isGone = false
  readonly backlog: (() => void)[] = []
  /** Messages in each direction, for tests that count them. */
  posts = 0
  answers = 0
  readonly member: Member
  readonly #world: World

  constructor(world: World) {
    this.#world = world
    this.member = new Member(world.environment(this), (message, transfer = []) => {
      if (this.isGone) return
      if (message.type === 'answers') this.answers++
      const data = structuredClone(message, { transfer })
      world.later(this, () => this.onmessage?.({ data }))
    })
    world.later(this, () => this.onmessage?.({ data: { type: 'alive' } }))
  }

  postMessage(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    if (message.type === 'calls') this.posts++
    const data = structuredClone(message, { transfer })
    this.#world.later(this, () => this.member.receive(data))
  }

  terminate(): void {
    this.isGone = true
    this.#world.release(this)
  }

  /** The page is in the background and nothing of it runs. */
  freeze(): void {
    this.isFrozen = true
  }

  thaw(): void {
    this.isFrozen = false
    for (const call of this.backlog.splice(0)) this.#world.later(this, call)
  }
}
