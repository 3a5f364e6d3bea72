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

/** What runs last of that which was asked for. */
let last: Promise<unknown> = Promise.resolve()

/** Runs `work` when all is done that was asked for before, so that its time is its own. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const turn = last.then(work, work)
  last = turn
  return turn
}

/** Runs a query when its turn comes and measures it, anew when it or `version` changes; the rows stay until the new ones are there. */
export function useTimedQuery<R>(label: string, query: Fragment<R>, version: unknown): TimedRows<R> {
  const db = useDemo()
  const [state, setState] = useState<TimedRows<R>>({ rows: [], status: 'loading' })
  const text = plainText(query)
  useEffect(() => {
    let isCurrent = true
    setState(({ rows }) => ({ rows, status: 'loading' }))
    const run = async (): Promise<void> => {
      // Nobody waits for it any more.
      if (!isCurrent) return
      // Costs next to nothing, and is answered behind what the page asked for beside it, such as the live list.
      await db.sql`SHOW NAMESPACES`
      const { result, ms } = await timed(label, () => db.query<R>(query.text, query.values))
      if (isCurrent) setState({ rows: [...result], status: 'done', ms })
    }
    inTurn(run).catch((error: unknown) => isCurrent && setState({ rows: [], status: 'error', error }))
    return () => {
      isCurrent = false
    }
    // The text holds the values, so that it stands for the query.
  }, [db, label, text, version])
  return state
}
