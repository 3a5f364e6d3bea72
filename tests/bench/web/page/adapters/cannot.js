// Why engines are left out of measures.

const NOTHING_PERSISTS = 'in memory: nothing persists'

/** What engines without storage are left out of. */
export const memoryOnly = { writes: NOTHING_PERSISTS, burst: NOTHING_PERSISTS, bulk: NOTHING_PERSISTS, reopen: NOTHING_PERSISTS, sync: NOTHING_PERSISTS }
/** What engines without live queries are left out of. */
export const noLive = { live: 'no live queries' }
