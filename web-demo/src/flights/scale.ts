/** Values to pixels, with round values for lines. */
export interface Scale {
  readonly ticks: readonly number[]
  readonly y: (value: number) => number
}

/** A scale from 0, or from below it, to above the largest value. `height` pixels from top to bottom. */
export function scaleOf(values: readonly number[], height: number): Scale {
  const top = Math.max(0, ...values)
  const bottom = Math.min(0, ...values)
  const step = roundStep((top - bottom) / 4)
  const high = Math.max(step, Math.ceil(top / step) * step)
  const low = Math.floor(bottom / step) * step
  const ticks = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, at) => low + at * step)
  return { ticks, y: (value) => height - ((value - low) / (high - low)) * height }
}

/** 1, 2 or 5 times a power of ten, at least as large. */
function roundStep(rough: number): number {
  if (rough <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(rough))
  return (([1, 2, 5].find((of) => of * power >= rough) ?? 10) as number) * power
}
