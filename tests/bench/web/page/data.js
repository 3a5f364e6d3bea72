// The table that is measured, and its rows: the same in every run, in the page and in Node.

/** Distinct values of `thread`. */
export const THREADS = 100
/** Distinct values of `author`. */
export const AUTHORS = 500
/** Values of `stars` are 0 to this, exclusive. */
export const STARS = 6

const FIRST_MS = Date.UTC(2024, 0, 1)
/** A prime larger than any number of rows that makes sense, so that `created` is unique and in no order of the key. */
const STRIDE = 7_368_787
const BODY_CHARS = [60, 90]
const LETTERS = 'abcdefghijklmnopqrstuvwxyz'

/**
 * Numbers below a bound, the same ones for the same seed.
 * @param {number} seed
 * @returns {(end: number) => number}
 */
export function source(seed) {
  let state = seed >>> 0
  return (end) => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) % end
  }
}

/**
 * @typedef {{ id: number, thread: string, author: string, body: string, stars: number, created: number }} Row
 *   `created` in milliseconds since 1970.
 */

/**
 * Rows with the ids 1 to `count`.
 * @param {number} count
 * @returns {Row[]}
 */
export function rows(count) {
  const below = source(42)
  const [shortest, longest] = BODY_CHARS
  return Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    thread: `thread-${below(THREADS)}`,
    author: `author-${below(AUTHORS)}`,
    body: text(below, shortest + below(longest - shortest + 1)),
    stars: below(STARS),
    created: FIRST_MS + ((index * STRIDE) % count) * 1_000,
  }))
}

function text(below, chars) {
  let body = ''
  while (body.length < chars) {
    const word = 2 + below(8)
    for (let letter = 0; letter < word; letter++) body += LETTERS[below(26)]
    body += ' '
  }
  return body.slice(0, chars)
}

/**
 * A row as an array in the order of {@link COLUMNS}.
 * @param {Row} row
 */
export const values = (row) => [row.id, row.thread, row.author, row.body, row.stars, row.created]

/** Names of the columns, in order. */
export const COLUMNS = ['id', 'thread', 'author', 'body', 'stars', 'created']
