import Dexie, { liveQuery } from 'dexie'
import { LIMIT, STARS_JOIN, STARS_MIN, THREAD } from '../questions.js'

/** @type {import('./index.js').Adapter} */
export default {
  storage: 'IndexedDB',
  open: async (name) => new Database(await opened(name)),
  wipe: (name) => Dexie.delete(name),
}

const KEY_ONLY = 'id'
const WITH_INDEX = 'id, [thread+created]'

/** The index is a second version of the schema, so that the rows can be loaded without it. */
async function opened(name, withIndex = false) {
  const db = new Dexie(name)
  const exists = await Dexie.exists(name)
  if (exists && !withIndex) return db.open() // as it is stored
  db.version(1).stores({ messages: KEY_ONLY })
  if (withIndex) db.version(2).stores({ messages: WITH_INDEX })
  return db.open()
}

const stored = (row) => ({ ...row, created: new Date(row.created) })
const between = (thread) => [[thread, Dexie.minKey], [thread, Dexie.maxKey]]

class Database {
  #db
  #hasIndex

  constructor(db) {
    this.#db = db
    this.#hasIndex = db.table('messages').schema.indexes.length > 0
  }

  get #messages() {
    return this.#db.table('messages')
  }

  insertOne(row) {
    return this.#messages.add(stored(row))
  }

  bulkLoad(rows) {
    return this.#messages.bulkAdd(rows.map(stored))
  }

  persisted() {} // a promise of Dexie resolves when the transaction is complete

  pointRead(id) {
    return this.#messages.get(id)
  }

  async filterOrderLimit() {
    if (this.#hasIndex) {
      return this.#newest(THREAD)
        .filter((row) => row.stars >= STARS_MIN)
        .limit(LIMIT)
        .toArray()
    }
    const found = await this.#messages.filter((row) => row.thread === THREAD && row.stars >= STARS_MIN).toArray()
    return found.sort((a, b) => b.created - a.created).slice(0, LIMIT)
  }

  async groupBy() {
    const groups = new Map()
    for (const { thread, stars, created } of await this.#messages.toArray()) {
      const group = groups.get(thread)
      if (group === undefined) {
        groups.set(thread, { thread, n: 1, stars, latest: created })
        continue
      }
      group.n += 1
      group.stars += stars
      if (created > group.latest) group.latest = created
    }
    return [...groups.values()]
  }

  async selfJoin() {
    const answer = { n: 0, stars: null }
    const all = await this.#messages.toArray()
    const byId = new Map(all.map((row) => [row.id, row]))
    for (const a of all) {
      if (a.stars !== STARS_JOIN) continue
      const b = byId.get(a.id + 1)
      if (b === undefined || a.thread !== b.thread) continue
      answer.n += 1
      answer.stars = (answer.stars ?? 0) + b.stars
    }
    return [answer]
  }

  async scan() {
    let [n, stars] = [0, 0]
    for (const row of await this.#messages.toArray()) {
      n += 1
      stars += row.stars
    }
    return [{ n, stars: n === 0 ? null : stars }]
  }

  async createIndex() {
    const { name } = this.#db
    this.#db.close()
    return new Database(await opened(name, true))
  }

  update(id, stars) {
    return this.#messages.update(id, { stars })
  }

  async live(thread, limit, changed, failed) {
    const query = () => (limit === undefined ? this.#newest(thread) : this.#newest(thread).limit(limit)).toArray()
    const subscription = liveQuery(query).subscribe({ next: changed, error: failed })
    return () => subscription.unsubscribe()
  }

  close() {
    this.#db.close()
  }

  #newest(thread) {
    return this.#messages.where('[thread+created]').between(...between(thread)).reverse()
  }
}
