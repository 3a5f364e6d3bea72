/**
 * The worker that holds a database. Pages start it by themselves; import this file only to make the worker by hand, for
 * bundlers that need it.
 *
 * @module
 */
import { isKalamError } from './errors.js'
import type { FromWorker, ToWorker } from './protocol.js'
import type { Environment } from './worker/environment.js'
import { Member } from './worker/member.js'
import { loadEngine, loadQuery } from './worker/modules.js'

/** What of a worker's global scope is used. */
interface Scope {
  postMessage(message: FromWorker | { type: 'alive' }, transfers?: Transferable[]): void
  onmessage: ((event: { readonly data: ToWorker }) => void) | null
  addEventListener(type: 'unhandledrejection', listener: (event: { readonly reason: unknown }) => void): void
}

function run(scope: Scope): void {
  const member = new Member(environment(), (message, transfers = []) => scope.postMessage(message, transfers))
  scope.onmessage = ({ data }) => member.receive(data)
  // What WebAssembly throws where nobody waits for it leaves an engine behind that is broken.
  scope.addEventListener('unhandledrejection', ({ reason }) => {
    if (isKalamError(reason)) return
    scope.postMessage({ type: 'crashed', error: { kind: 'internal', code: 'worker_crashed', message: String(reason) } })
  })
  scope.postMessage({ type: 'alive' })
}

function environment(): Environment {
  let engine: ReturnType<typeof loadEngine> | undefined
  let query: ReturnType<typeof loadQuery> | undefined
  const hasChannels = typeof BroadcastChannel !== 'undefined'
  return {
    locks: navigator.locks as Environment['locks'],
    channel: hasChannels
      ? (name) => new BroadcastChannel(name) as ReturnType<NonNullable<Environment['channel']>>
      : undefined,
    loadEngine: () =>
      (engine ??= loadEngine().catch((error: unknown) => {
        engine = undefined
        throw error
      })),
    loadQuery: () =>
      (query ??= loadQuery().catch((error: unknown) => {
        query = undefined
        throw error
      })),
    now: () => performance.now(),
    after: (millis, call) => {
      const timer = setTimeout(call, millis)
      return () => clearTimeout(timer)
    },
    random: Math.random
  }
}

// On a server, and in a page, importing it does nothing.
const { DedicatedWorkerGlobalScope: WorkerScope } = globalThis as { DedicatedWorkerGlobalScope?: new () => object }
if (WorkerScope !== undefined && globalThis instanceof WorkerScope) run(globalThis as unknown as Scope)
