import { type DependencyList, useMemo, useSyncExternalStore } from 'react'
import type { LiveSnapshot } from '../live/source.js'
import type { LiveQuery } from '../live/query.js'
import { Query } from '../query.js'
import type { Fragment, Row } from '../sql.js'
import { statementKey } from '../values/encode.js'
import { type AnyDatabase, useDatabase } from './provider.js'

/** A query as hooks take it: a piece of `sql`, or a function of the database that gives one, with its dependencies. */
export type Queryable<R> = Fragment<R> | ((db: AnyDatabase) => Fragment<R>)

/** What {@link useLiveQuery} gives. */
export type LiveRows<R> = LiveSnapshot<R>

/**
 * Renders with the rows of a query whenever they change. Rows that did not change are the same objects.
 *
 * A piece of `sql` is compared by text and values. A function runs again when `deps` change.
 *
 * ```tsx
 * import { sql } from 'kalamdb'
 * import { KalamProvider, useLiveQuery } from 'kalamdb/react'
 *
 * function Count({ stars }: { stars: number }) {
 *   const { rows, status, error } = useLiveQuery<{ id: string }>(sql`SELECT id FROM app.notes WHERE stars >= ${stars}`)
 *   if (status === 'error') return <p>{error?.message}</p>
 *   return <p>{status === 'loading' ? '…' : rows.length}</p>
 * }
 *
 * export const App = () => (
 *   <KalamProvider options={{ name: 'notes' }} fallback="Opening …">
 *     <Count stars={3} />
 *   </KalamProvider>
 * )
 * ```
 */
export function useLiveQuery<R = Row>(query: Queryable<R>, deps: DependencyList = []): LiveRows<R> {
  const live = useQueryable<R, LiveQuery<R>>(query, deps, (of) => of.live())
  return useSyncExternalStore(live.subscribe, live.getSnapshot, live.getServerSnapshot)
}

/** Makes something of a query, once for each text and values. @internal */
export function useQueryable<R, V>(query: Queryable<R>, deps: DependencyList, make: (query: Query<R>) => V): V {
  const db = useDatabase()
  const isFragment = typeof query !== 'function'
  // Values that are objects, such as Date, are compared by what they are.
  const key = isFragment ? statementKey(query) : ''
  return useMemo(
    () => make(toQuery(db, isFragment ? query : query(db))),
    [db, isFragment, key, ...(isFragment ? [] : deps)]
  )
}

function toQuery<R>(db: AnyDatabase, fragment: Fragment<R>): Query<R> {
  return fragment instanceof Query ? fragment : db.query<R>(fragment.text, fragment.values)
}
