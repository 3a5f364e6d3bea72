/**
 * KalamDB in React components.
 *
 * {@link KalamProvider} hands a database down, {@link useLiveQuery} renders rows that are kept up to date, {@link useQuery}
 * runs a query once, {@link useSyncStatus} shows the connection. On a server they render nothing and open nothing.
 *
 * @module
 */
export { KalamProvider, type KalamProviderProps, useDatabase } from './react/provider.js'
export { type LiveRows, type Queryable, useLiveQuery } from './react/live.js'
export { type QueryRows, useQuery } from './react/query.js'
export { useSyncStatus } from './react/sync.js'
