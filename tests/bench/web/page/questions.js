// What every engine is asked, as SQL and as an answer computed from the rows in plain JavaScript.

/** The thread that the queries with a condition look at. */
export const THREAD = 'thread-42'
/** Rows that a query with LIMIT gives at most. */
export const LIMIT = 50
/** The condition on `stars` of the filter, and the value that the self join looks for. */
export const STARS_MIN = 3
export const STARS_JOIN = 5

/** SQL that every SQL engine understands; `table` is its name for the table, `p(n)` its n-th parameter. */
export function sql(table, p) {
  return {
    insert: `INSERT INTO ${table} (id, thread, author, body, stars, created) VALUES (${[1, 2, 3, 4, 5, 6].map(p).join(', ')})`,
    pointRead: `SELECT id, thread, author, body, stars, created FROM ${table} WHERE id = ${p(1)}`,
    filterOrderLimit: `SELECT id, author, body, stars, created FROM ${table} WHERE thread = ${p(1)} AND stars >= ${p(2)} ORDER BY created DESC LIMIT ${LIMIT}`,
    groupBy: `SELECT thread, COUNT(*) AS n, SUM(stars) AS stars, MAX(created) AS latest FROM ${table} GROUP BY thread`,
    selfJoin: `SELECT COUNT(*) AS n, SUM(b.stars) AS stars FROM ${table} AS a JOIN ${table} AS b ON b.id = a.id + 1 WHERE a.thread = b.thread AND a.stars = ${STARS_JOIN}`,
    scan: `SELECT COUNT(*) AS n, SUM(stars) AS stars FROM ${table}`,
    live: `SELECT id, author, body, stars, created FROM ${table} WHERE thread = ${p(1)} ORDER BY created DESC`,
    update: `UPDATE ${table} SET stars = ${p(1)} WHERE id = ${p(2)}`,
    createIndex: table.includes('.')
      ? `CREATE INDEX by_thread ON ${table} (thread, created)`
      : `CREATE INDEX IF NOT EXISTS by_thread ON ${table} (thread, created)`,
  }
}

/** The answers, from the rows. */
export const answers = {
  pointRead: (rows, id) => [rows[id - 1]],
  filterOrderLimit: (rows) =>
    byNewest(rows.filter((row) => row.thread === THREAD && row.stars >= STARS_MIN))
      .slice(0, LIMIT)
      .map(shown),
  groupBy(rows) {
    const groups = new Map()
    for (const { thread, stars, created } of rows) {
      const group = groups.get(thread) ?? { thread, n: 0, stars: 0, latest: 0 }
      group.n += 1
      group.stars += stars
      group.latest = Math.max(group.latest, created)
      groups.set(thread, group)
    }
    return [...groups.values()]
  },
  selfJoin(rows) {
    const answer = { n: 0, stars: null }
    for (let at = 0; at + 1 < rows.length; at++) {
      const [a, b] = [rows[at], rows[at + 1]]
      if (a.thread !== b.thread || a.stars !== STARS_JOIN) continue
      answer.n += 1
      answer.stars = (answer.stars ?? 0) + b.stars
    }
    return [answer]
  },
  scan: (rows) => [{ n: rows.length, stars: rows.length === 0 ? null : rows.reduce((sum, row) => sum + row.stars, 0) }],
  live: (rows, thread, limit) => byNewest(rows.filter((row) => row.thread === thread)).slice(0, limit ?? rows.length).map(shown),
}

const byNewest = (rows) => rows.sort((a, b) => b.created - a.created)
const shown = ({ id, author, body, stars, created }) => ({ id, author, body, stars, created })

/** The longest part of an answer that an error shows. */
const SHOWN_CHARS = 200

/**
 * Compares an engine's answer with the one computed from the rows; numbers may come as BigInt or text, times as Date.
 * @param {string} question its name, for the error
 * @param {object[]} given
 * @param {object[]} expected
 * @param {{ sorted?: boolean }} [options] sorted: the order counts (default: it does not)
 */
export function compare(question, given, expected, { sorted = false } = {}) {
  const names = expected.length === 0 ? [] : Object.keys(expected[0])
  const text = (rows) => {
    const lines = rows.map((row) => JSON.stringify(names.map((name) => plain(row[name]))))
    return (sorted ? lines : lines.sort()).join('\n')
  }
  const [is, should] = [text(given), text(expected)]
  if (given.length === expected.length && is === should) return
  throw new Error(
    `${question}: another answer than the rows have: ${given.length} rows ${is.slice(0, SHOWN_CHARS)} instead of ${expected.length} rows ${should.slice(0, SHOWN_CHARS)}`,
  )
}

/** A number that an engine may give as a number, BigInt or Date is one number; everything else is itself. */
function plain(value) {
  if (value === undefined) return null
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Date) return value.getTime()
  return value
}
