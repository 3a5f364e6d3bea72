import { count, millis } from '../ui/format'
import type { Pairs, Totals } from './queries'
import type { TimedRows } from './useTimedQuery'

interface FiguresProps {
  readonly all: TimedRows<Totals>
  readonly pairs: TimedRows<Pairs>
}

/** Figures of all selected flights. */
export function Figures({ all, pairs }: FiguresProps) {
  const total = all.rows[0]
  const minutes = (value: number | null | undefined): string => (value === null || value === undefined ? '–' : `${value.toFixed(1)} min`)
  const cancelled = total === undefined ? 0 : total.flights - total.departed
  return (
    <dl className="figures" aria-busy={all.status === 'loading'}>
      <Figure name="Flights" value={total === undefined ? '…' : count(total.flights)} note={all.ms === undefined ? '' : `counted in ${millis(all.ms)}`} />
      <Figure name="Leave late by" value={minutes(total?.departure)} note="on average" />
      <Figure name="Arrive late by" value={minutes(total?.arrival)} note="on average" />
      <Figure name="Cancelled" value={total === undefined ? '…' : count(cancelled)} note={cancelled === 0 ? '' : `${((100 * cancelled) / (total?.flights ?? 1)).toFixed(1)}% of all`} />
      <Figure name="Turned around" value={pairs.rows[0] === undefined ? (pairs.status === 'error' ? '–' : '…') : count(pairs.rows[0].pairs)} note={pairs.ms === undefined ? 'a self-join' : `a self-join, ${millis(pairs.ms)}`} />
    </dl>
  )
}

function Figure({ name, value, note }: { readonly name: string; readonly value: string; readonly note: string }) {
  return (
    <div className="figure">
      <dt>{name}</dt>
      <dd>
        <span className="figure-value">{value}</span>
        <span className="quiet">{note}</span>
      </dd>
    </div>
  )
}
