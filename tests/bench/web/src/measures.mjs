// The measures: what each is, what it needs, and what its ratio is taken against.

/**
 * @typedef {object} Measure
 * @property {string} name as `--only` takes it
 * @property {string} label the line of the table; {rows} and {writes} are filled in
 * @property {'visit' | 'page'} where a visit of its own in a profile of its own, or the page side by side
 * @property {number} [passesMax] passes at most
 * @property {'rows' | 'index'} [needs] the rows, or the rows and the index
 * @property {'rows' | 'index'} [leaves] what is there afterwards, if it is more than what it needs
 * @property {string[]} [against] the ratio is taken against the best of these engines (default: of all peers)
 * @property {number} [target] highest ratio that is aimed at
 * @property {number} [targetMs] highest time that is aimed at
 */

/** @type {Measure[]} in the order in which they run */
export const MEASURES = [
  { name: 'bytes', label: 'bytes of a visit, first query (brotli)', where: 'visit' },
  { name: 'visit', label: 'time to first query', where: 'visit', targetMs: 200 },
  { name: 'writes', label: '{writes} small writes, one after another, until persisted', where: 'page', passesMax: 2, target: 1 },
  { name: 'burst', label: '{writes} small writes, issued at once, until persisted', where: 'page', passesMax: 2, target: 1 },
  { name: 'bulk', label: 'bulk load of {rows} rows until persisted', where: 'page', leaves: 'rows', passesMax: 3, target: 1 },
  { name: 'key', label: 'read by key', where: 'page', needs: 'rows', against: ['sqlite-memory'], target: 1.5 },
  { name: 'filter', label: 'filter + order + limit 50', where: 'page', needs: 'rows' },
  { name: 'group', label: 'group by', where: 'page', needs: 'rows', against: ['duckdb'], target: 1.5 },
  { name: 'join', label: 'self join', where: 'page', needs: 'rows', against: ['duckdb'], target: 1.5 },
  { name: 'index', label: 'making an index on (thread, created)', where: 'page', needs: 'rows', leaves: 'index', passesMax: 1 },
  { name: 'indexed', label: 'filter + order + limit 50, with the index', where: 'page', needs: 'index' },
  { name: 'live', label: 'live query after one change, 50 rows', where: 'page', needs: 'index', target: 1 },
  { name: 'live-all', label: 'live query after one change, a whole thread', where: 'page', needs: 'index', target: 1 },
  { name: 'live-engine', label: 'live query after one change that its engine tells, 50 rows', where: 'page', needs: 'index', target: 1 },
  { name: 'reopen-scan', label: 'reopen with {rows} rows to a full scan', where: 'page', needs: 'index', passesMax: 3, targetMs: 300 },
  { name: 'reopen-key', label: 'reopen with {rows} rows to a read by key', where: 'page', needs: 'index', passesMax: 3 },
  { name: 'sync', label: 'first sync of {rows} rows; peers: NDJSON and bulk load', where: 'page', passesMax: 3, target: 1 },
]

/** The reason why an engine is left out of a measure, from its adapter. */
export const reason = (cannot, measure) => cannot[measure] ?? cannot[measure.split('-')[0]]
