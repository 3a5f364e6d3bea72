// Timing in a page whose clock ticks every 0.1 ms (it is not cross-origin isolated).

/** Runs that are timed together, so that a tick does not matter. */
export const BATCH = 25
/** Runs of a query in one pass, unless they take longer than the time below. */
const RUNS_MAX = 40
const RUNS_MIN = 3
const PASS_MS_MAX = 1_500

/** The middle of some numbers. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * The time of a call.
 * @template T
 * @param {() => T | Promise<T>} call
 * @returns {Promise<{ ms: number, value: T }>}
 */
export async function timed(call) {
  const start = performance.now()
  const value = await call()
  return { ms: performance.now() - start, value }
}

/**
 * One pass over a query: the first run and the median of all.
 * @param {() => any} query
 */
export async function pass(query) {
  const times = []
  const end = performance.now() + PASS_MS_MAX
  while (times.length < RUNS_MAX && (times.length < RUNS_MIN || performance.now() < end)) {
    times.push((await timed(query)).ms)
  }
  return { ms: median(times), first: times[0], runs: times.length }
}

/**
 * One pass over calls that take microseconds: the first call alone, then the median over batches of the time per call.
 * @param {number} count
 * @param {(at: number) => any} call awaited one after another
 */
export async function passOfBatches(count, call) {
  const { ms: first } = await timed(() => call(0))
  const times = []
  for (let at = 0; at < count; at += BATCH) {
    const { ms } = await timed(async () => {
      for (let next = at; next < at + BATCH; next++) await call(next)
    })
    times.push(ms / BATCH)
  }
  return { ms: median(times), first, runs: count }
}
