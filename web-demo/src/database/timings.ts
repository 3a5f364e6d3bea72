import { useSyncExternalStore } from 'react'

/** A statement that ran, and how long it took from here to its rows. */
export interface Timing {
  readonly number: number
  readonly label: string
  readonly ms: number
  readonly rows: number
  readonly at: number
}

/** Statements that are remembered for the inspector. */
const TIMINGS_MAX = 30

let timings: readonly Timing[] = []
let last = 0
const listeners = new Set<() => void>()

/** Runs `work` and notes its time; gives the rows and the milliseconds. */
export async function timed<R extends { readonly length: number }>(label: string, work: () => PromiseLike<R>): Promise<{ result: R; ms: number }> {
  const start = performance.now()
  const result = await work()
  const ms = performance.now() - start
  note(label, ms, result.length)
  return { result, ms }
}

/** Notes what was measured elsewhere. */
export function note(label: string, ms: number, rows: number): void {
  timings = [{ number: ++last, label, ms, rows, at: Date.now() }, ...timings].slice(0, TIMINGS_MAX)
  for (const listener of listeners) listener()
}

/** The newest timings first. */
export const useTimings = (): readonly Timing[] => useSyncExternalStore(subscribe, () => timings)

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}
