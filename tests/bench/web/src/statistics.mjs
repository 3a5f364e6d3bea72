// From passes to figures.

/** The middle of some numbers. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * What the passes of one engine come to, in milliseconds: `value` is the median of the passes after the first one,
 * `early` that first pass, `first` the very first run in it. `scaled` is there if the engine made fewer runs than asked.
 * @param {{ ms: number, first?: number, runs?: number, of?: number }[]} passes
 */
export function figure(passes) {
  const [early, ...steady] = passes.map(({ ms }) => ms)
  const last = passes.at(-1)
  return {
    value: steady.length === 0 ? early : median(steady),
    early,
    first: passes[0].first ?? early,
    runs: last.runs,
    scaled: last.of === undefined ? undefined : { runs: last.runs, of: last.of },
    passes: passes.map(({ ms }) => ms),
  }
}

/**
 * A line of the table: KalamDB, the best peer, and the ratio of the two.
 * @param {import('./measures.mjs').Measure} measure
 * @param {string} label
 * @param {string} unit
 * @param {Record<string, { value?: number, failed?: string, left_out?: string }>} engines
 */
export function line(measure, label, unit, engines) {
  const peers = Object.entries(engines).filter(([name, { value }]) => name !== 'kalamdb' && value !== undefined)
  const asked = peers.filter(([name]) => measure.against === undefined || measure.against.includes(name))
  const best = [...asked].sort(([, a], [, b]) => a.value - b.value)[0]
  const own = engines.kalamdb?.value
  return {
    name: measure.name,
    label,
    unit,
    best: best?.[0],
    ratio: own === undefined || best === undefined ? undefined : own / best[1].value,
    target: measure.target,
    target_ms: measure.targetMs,
    engines,
  }
}
