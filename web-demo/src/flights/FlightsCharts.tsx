import { useState } from 'react'
import { count } from '../ui/format'
import { ChartCard } from './ChartCard'
import { Figures } from './Figures'
import { LateFlights } from './LateFlights'
import { barsOf, MONTHS, monthBars } from './labels'
import { byGroup, byMonth, type Grouping, GROUPINGS, type Selection, totals, turnarounds } from './queries'
import { useTimedQuery } from './useTimedQuery'

const ORIGINS = ['', 'EWR', 'JFK', 'LGA'] as const

/** All charts; `version` changes with the rows. */
export function FlightsCharts({ version }: { readonly version: number }) {
  const [selection, setSelection] = useState<Selection>({ origin: '', month: 0 })
  const [grouping, setGrouping] = useState<Grouping>('hour')
  // They run in this order. The self-join comes last: it may have to wait for its module.
  const all = useTimedQuery('totals of the flights', totals(selection), version)
  const monthQuery = byMonth(selection)
  const months = useTimedQuery('flights per month', monthQuery, version)
  const groupQuery = byGroup(grouping, selection)
  const groups = useTimedQuery(`delay by ${grouping}`, groupQuery, version)
  const pairs = useTimedQuery('self-join of the flights', turnarounds(selection), version)
  return (
    <>
      <div className="filters" role="group" aria-label="Which flights">
        <div className="segments" role="group" aria-label="From">
          {ORIGINS.map((origin) => (
            <button key={origin} type="button" aria-pressed={origin === selection.origin} onClick={() => setSelection({ ...selection, origin })}>
              {origin === '' ? 'All airports' : origin}
            </button>
          ))}
        </div>
        <label>
          <span className="hidden">Month</span>
          <select value={selection.month} onChange={(event) => setSelection({ ...selection, month: Number(event.target.value) })}>
            <option value={0}>Whole year</option>
            {MONTHS.map((month, at) => (
              <option key={month} value={at + 1}>
                {month}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Figures all={all} pairs={pairs} />
      <div className="cards">
        <div className="cards-column">
          <ChartCard title="Flights per month" heads={['Month', 'Flights']} query={monthQuery} answer={months} bars={monthBars(months.rows, ({ flights }) => flights, (value) => count(value))} />
          <ChartCard title="Mean arrival delay per month" heads={['Month', 'Minutes late']} query={monthQuery} answer={months} bars={monthBars(months.rows, ({ delay }) => delay ?? 0, (value) => `${value.toFixed(1)} min`)} />
        </div>
        <div className="cards-column">
          <ChartCard title="Mean arrival delay" heads={['Group', 'Minutes late']} query={groupQuery} answer={groups} bars={barsOf(grouping, groups.rows)} isRanked={grouping === 'dest'}>
            <div className="segments segments-small" role="group" aria-label="Group by">
              {GROUPINGS.map(({ by, label }) => (
                <button key={by} type="button" aria-pressed={by === grouping} onClick={() => setGrouping(by)}>
                  {label}
                </button>
              ))}
            </div>
          </ChartCard>
          <LateFlights selection={selection} />
        </div>
      </div>
    </>
  )
}
