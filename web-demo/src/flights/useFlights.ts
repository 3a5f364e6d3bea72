import { KalamError } from 'kalamdb'
import { useSyncStatus } from 'kalamdb/react'
import { useEffect, useState } from 'react'
import type { Demo } from '../database/schema'
import { useDemo } from '../database/useDemo'
import { complain } from '../ui/toasts'

/** Whether the flights are here, and how many. */
export type Flights = { readonly state: 'loading' | 'missing' } | { readonly state: 'there'; readonly rows: number }

/** How often the rows are counted at most while they arrive. */
const COUNT_MILLIS = 400
const UNKNOWN = new Set(['unknown_namespace', 'unknown_table'])

/** The table of flights comes from the server: it is looked for whenever something has come from there. */
export function useFlights(): Flights {
  const db = useDemo()
  const status = useSyncStatus()
  const [flights, setFlights] = useState<Flights>({ state: 'loading' })
  const version = `${status?.state} ${status?.seq} ${status?.blocks}`
  useEffect(() => {
    let isCurrent = true
    const timer = setTimeout(() => {
      countFlights(db).then((found) => {
        if (isCurrent) setFlights((before) => (sameFlights(before, found) ? before : found))
      }, complain)
    }, flights.state === 'loading' ? 0 : COUNT_MILLIS)
    return () => {
      isCurrent = false
      clearTimeout(timer)
    }
  }, [db, version])
  return flights
}

async function countFlights(db: Demo): Promise<Flights> {
  try {
    const answer = await db.sql<{ n: number }>`SELECT count(*) AS n FROM app.flights`.first()
    return { state: 'there', rows: answer?.n ?? 0 }
  } catch (error) {
    if (error instanceof KalamError && UNKNOWN.has(error.code)) return { state: 'missing' }
    throw error
  }
}

const sameFlights = (a: Flights, b: Flights): boolean => a.state === b.state && ('rows' in a ? a.rows : -1) === ('rows' in b ? b.rows : -1)
