import type { EngineModule, ModuleInfo, QueryModule } from '../engine.js'

/** A channel between the tabs of an origin, as BroadcastChannel is. */
export interface Channel {
  postMessage(message: unknown): void
  close(): void
  onmessage: ((event: { readonly data: unknown }) => void) | null
}

/** The locks of an origin, as Web Locks are. */
export interface Locks {
  request(
    name: string,
    options: { readonly signal?: AbortSignal; readonly steal?: boolean },
    held: () => Promise<unknown>
  ): Promise<unknown>
}

/** A module that is loaded. */
export interface Loaded<M> {
  readonly module: M
  readonly info: ModuleInfo
}

/** What a worker is given from outside; tests give it something else. */
export interface Environment {
  /** None where the browser has none, as on pages without HTTPS. */
  readonly locks: Locks | undefined
  /** None where the browser has none. */
  readonly channel: ((name: string) => Channel) | undefined
  /** Fetches the small engine. */
  loadEngine(): Promise<Loaded<EngineModule>>
  /** Fetches DataFusion. */
  loadQuery(): Promise<Loaded<QueryModule>>
  /** Milliseconds; only differences count. */
  now(): number
  /** Calls after so many milliseconds; gives what takes that back. */
  after(millis: number, call: () => void): () => void
  /** A number from 0 to 1. */
  random(): number
}
