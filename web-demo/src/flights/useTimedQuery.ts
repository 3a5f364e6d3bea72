import type { Fragment } from 'kalamdb'
import { useEffect, useState } from 'react'
import { timed } from '../database/timings'
import { useDemo } from '../database/useDemo'
import { plainText } from './queries'

export interface TimedRows<R> {
  readonly rows: readonly R[]
  readonly status: 'loading' | 'done' | 'error'
  readonly ms?: number
  readonly error?: unknown
}

/** Runs a query and measures it, anew when it or `version` changes; the rows stay until the new ones are there. */
export function useTimedQuery<R>(label: string, query: Fragment<R>, version: unknown): TimedRows<R> {
  const db = useDemo()
  const [state, setState] = useState<TimedRows<R>>({ rows: [], status: 'loading' })
  const text = plainText(query)
  useEffect(() => {
    let isCurrent = true
    setState(({ rows }) => ({ rows, status: 'loading' }))
    timed(label, () => db.query<R>(query.text, query.values)).then(
      ({ result, ms }) => isCurrent && setState({ rows: [...result], status: 'done', ms }),
      (error: unknown) => isCurrent && setState({ rows: [], status: 'error', error })
    )
    return () => {
      isCurrent = false
    }
    // The text holds the values, so that it stands for the query.
  }, [db, label, text, version])
  return state
}
