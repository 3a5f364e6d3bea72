import { type DependencyList, useCallback, useEffect, useState } from 'react'
import type { Row } from '../sql.js'
import { type Queryable, useQueryable } from './live.js'

/** What {@link useQuery} gives. */
export interface QueryRows<R> {
  /** The rows; empty until they are there. */
  readonly rows: readonly R[]
  /** `loading` until it has run, and while it runs again. */
  readonly status: 'loading' | 'done' | 'error'
  /** Why it failed. */
  readonly error?: unknown
  /** Runs the query again; the rows stay until the new ones are there. */
  readonly refetch: () => void
}

interface State<R> {
  readonly rows: readonly R[]
  readonly status: QueryRows<R>['status']
  readonly error?: unknown
}

/** Runs a query when the component is mounted and when it changes: joins and totals, which no live query can be of yet. */
export function useQuery<R = Row>(query: Queryable<R>, deps: DependencyList = []): QueryRows<R> {
  const [run, setRun] = useState(0)
  const [state, setState] = useState<State<R>>({ rows: [], status: 'loading' })
  // A query runs once, so that another run is another query.
  const again = useQueryable<R, () => PromiseLike<R[]>>(query, deps, (of) => () => of.again())
  useEffect(() => {
    let isCurrent = true
    const set = (next: (state: State<R>) => State<R>): void => {
      if (isCurrent) setState(next)
    }
    set((before) => ({ rows: before.rows, status: 'loading' }))
    again().then(
      (rows) => set(() => ({ rows, status: 'done' })),
      (error: unknown) => set((before) => ({ rows: before.rows, status: 'error', error }))
    )
    return () => {
      isCurrent = false
    }
  }, [again, run])
  const refetch = useCallback(() => setRun((count) => count + 1), [])
  return { ...state, refetch }
}
