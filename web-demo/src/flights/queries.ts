import { type Fragment, sql } from 'kalamdb'

export const TABLE = sql`app.flights`

/** Which flights are looked at. */
export interface Selection {
  /** Empty: all three airports. */
  readonly origin: string
  /** 0: the whole year. */
  readonly month: number
}

/** A group of flights. */
export interface Group {
  readonly name: string | number | null
  readonly flights: number
  readonly delay: number | null
}

export const GROUPINGS = [
  { by: 'hour', label: 'Hour' },
  { by: 'weekday', label: 'Weekday' },
  { by: 'origin', label: 'Airport' },
  { by: 'dest', label: 'Destination' },
  { by: 'carrier', label: 'Carrier' }
] as const
export type Grouping = (typeof GROUPINGS)[number]['by']

/** Destinations with fewer flights say little. */
const FLIGHTS_MIN = 40
const PLACES_MAX = 12

/** The conditions of a selection, as a clause. */
function where({ origin, month }: Selection): Fragment {
  if (origin !== '' && month !== 0) return sql`WHERE origin = ${origin} AND month = ${month}`
  if (origin !== '') return sql`WHERE origin = ${origin}`
  return month === 0 ? sql`` : sql`WHERE month = ${month}`
}

export const byMonth = ({ origin }: Selection): Fragment<Group> => sql<Group>`
SELECT month AS name, count(*) AS flights, avg(arr_delay) AS delay
FROM ${TABLE} ${where({ origin, month: 0 })}
GROUP BY month ORDER BY month`

export function byGroup(grouping: Grouping, selection: Selection): Fragment<Group> {
  const rest = where(selection)
  if (grouping === 'dest') {
    return sql<Group>`
SELECT dest AS name, count(*) AS flights, avg(arr_delay) AS delay
FROM ${TABLE} ${rest}
GROUP BY dest HAVING count(*) >= ${FLIGHTS_MIN}
ORDER BY delay DESC LIMIT ${PLACES_MAX}`
  }
  if (grouping === 'weekday') {
    return sql<Group>`
SELECT date_part('dow', time_hour) AS name, count(*) AS flights, avg(arr_delay) AS delay
FROM ${TABLE} ${rest}
GROUP BY date_part('dow', time_hour) ORDER BY name`
  }
  return sql<Group>`
SELECT ${sql.id(grouping)} AS name, count(*) AS flights, avg(arr_delay) AS delay
FROM ${TABLE} ${rest}
GROUP BY ${sql.id(grouping)} ORDER BY name`
}

export interface Totals {
  readonly flights: number
  readonly departed: number
  readonly departure: number | null
  readonly arrival: number | null
}

export const totals = (selection: Selection): Fragment<Totals> => sql<Totals>`
SELECT count(*) AS flights, count(dep_time) AS departed, avg(dep_delay) AS departure, avg(arr_delay) AS arrival
FROM ${TABLE} ${where(selection)}`

export interface Pairs {
  readonly pairs: number
}

/** Aircraft that leave twice on a day: a self-join. */
export const turnarounds = ({ origin, month }: Selection): Fragment<Pairs> => sql<Pairs>`
SELECT count(*) AS pairs
FROM ${TABLE} AS a JOIN ${TABLE} AS b
  ON a.tailnum = b.tailnum AND a.month = b.month AND a.day = b.day AND a.sched_dep_time < b.sched_dep_time
WHERE a.tailnum IS NOT NULL${origin === '' ? sql`` : sql` AND a.origin = ${origin} AND b.origin = ${origin}`}${month === 0 ? sql`` : sql` AND a.month = ${month}`}`

export interface LateFlight {
  readonly time_hour: Date
  readonly flight: number
  readonly carrier: string
  readonly origin: string
  readonly dest: string
  readonly arr_delay: number
  readonly complaints: number
}

/** The latest flights, kept up to date: one table, so that the small engine does it. */
export function latest({ origin, month }: Selection): Fragment<LateFlight> {
  return sql<LateFlight>`
SELECT time_hour, flight, carrier, origin, dest, arr_delay, complaints FROM ${TABLE}
WHERE arr_delay IS NOT NULL${origin === '' ? sql`` : sql` AND origin = ${origin}`}${month === 0 ? sql`` : sql` AND month = ${month}`}
ORDER BY arr_delay DESC LIMIT 10`
}

/** The query as one could type it: with its values in place of its parameters. */
export const plainText = ({ text, values }: Fragment<unknown>): string =>
  text.replace(/\$(\d+)/g, (_, at: string) => {
    const value = values[Number(at) - 1]
    return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value)
  })
