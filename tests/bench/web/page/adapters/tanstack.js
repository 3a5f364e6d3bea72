import { BTreeIndex, createCollection, createLiveQueryCollection, eq, gte, localOnlyCollectionOptions, queryOnce } from '@tanstack/db'
import { LIMIT, STARS_MIN, THREAD } from '../questions.js'

const LIVE_ONLY = 'measured for its live queries only'

/** @type {import('./index.js').Adapter} */
export default {
  storage: 'memory',
  cannot: Object.fromEntries(
    ['writes', 'burst', 'bulk', 'key', 'filter', 'group', 'join', 'index', 'indexed', 'reopen', 'sync'].map((measure) => [measure, LIVE_ONLY]),
  ),
  open: async () => new Database(collection([])),
  wipe: async () => {},
}

const collection = (initialData) =>
  createCollection(
    localOnlyCollectionOptions({ id: 'messages', getKey: (row) => row.id, initialData, autoIndex: 'eager', defaultIndexType: BTreeIndex }),
  )
const stored = (row) => ({ ...row, created: new Date(row.created) })
const shown = ({ m }) => ({ id: m.id, author: m.author, body: m.body, stars: m.stars, created: m.created })

class Database {
  #rows

  constructor(rows) {
    this.#rows = rows
  }

  async insertOne(row) {
    await this.#rows.insert(stored(row)).isPersisted.promise
  }

  async bulkLoad(rows) {
    this.#rows = collection(rows.map(stored))
    await this.#rows.preload()
  }

  persisted() {}

  filterOrderLimit() {
    return queryOnce((q) =>
      q
        .from({ m: this.#rows })
        .where(({ m }) => eq(m.thread, THREAD))
        .where(({ m }) => gte(m.stars, STARS_MIN))
        .orderBy(({ m }) => m.created, 'desc')
        .limit(LIMIT)
        .select(shown),
    )
  }

  pointRead(id) {
    return this.#rows.get(id)
  }

  scan() {
    let stars = 0
    for (const row of this.#rows.values()) stars += row.stars
    return [{ n: this.#rows.size, stars: this.#rows.size === 0 ? null : stars }]
  }

  createIndex() {} // it makes those that its queries want

  async update(id, stars) {
    await this.#rows.update(id, (draft) => void (draft.stars = stars)).isPersisted.promise
  }

  async live(thread, limit, changed) {
    const query = createLiveQueryCollection((q) => {
      const ordered = q
        .from({ m: this.#rows })
        .where(({ m }) => eq(m.thread, thread))
        .orderBy(({ m }) => m.created, 'desc')
      return (limit === undefined ? ordered : ordered.limit(limit)).select(shown)
    })
    const subscription = query.subscribeChanges(() => changed(query.toArray))
    await query.preload()
    changed(query.toArray)
    return async () => {
      subscription.unsubscribe()
      await query.cleanup()
    }
  }

  async close() {
    await this.#rows.cleanup()
  }
}
