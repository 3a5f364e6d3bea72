/**
 * Values that JavaScript has no type for, as text.
 *
 * @module
 */
import { KalamError } from '../errors.js'

const DAY_MILLIS = 86_400_000

const pad = (value: number, width: number): string => String(value).padStart(width, '0')

/** Microseconds within a second, with as many digits of three as are needed. */
function fraction(micros: number): string {
  if (micros === 0) return ''
  return micros % 1000 === 0 ? `.${pad(micros / 1000, 3)}` : `.${pad(micros, 6)}`
}

/** Days since 1970 as `yyyy-mm-dd`; beyond the years 0 to 9999 with a sign, as ISO 8601 has it. @internal */
export function day(days: number): string {
  const date = new Date(days * DAY_MILLIS)
  if (Number.isNaN(date.getTime())) {
    throw new KalamError(
      'invalid',
      'out_of_range',
      `a DATE ${days} days from 1970 is beyond the years that JavaScript knows: CAST it to TEXT`
    )
  }
  return date.toISOString().split('T', 1)[0] as string
}

/** Microseconds of a day as `hh:mm:ss`, with a fraction if there is one. @internal */
export function clock(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000)
  const time = `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}`
  return time + fraction(micros % 1_000_000)
}

/** A time as ISO text with microseconds; `micros` are those within the date's millisecond. @internal */
export function stampText(date: Date, micros: number): string {
  return `${date.toISOString().slice(0, -1)}${pad(micros, 3)}Z`
}

/** A decimal number with `scale` digits behind the point. @internal */
export function decimal(unscaled: bigint, scale: number): string {
  const sign = unscaled < 0n ? '-' : ''
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  const whole = digits.slice(0, digits.length - scale)
  return scale === 0 ? sign + whole : `${sign}${whole}.${digits.slice(-scale)}`
}
