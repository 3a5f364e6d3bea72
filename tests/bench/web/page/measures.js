// What is measured in the page. Each measure runs once per pass and engine, on an engine that is loaded or closed.

import { answers, compare, THREAD, LIMIT } from './questions.js'
import { source } from './data.js'
import { pass, passOfBatches, timed, median } from './timing.js'

const POINT_READS = 1_000
/** Small writes take about this long at most in a pass; SAMPLE is the part of them that tells how many fit. */
const WRITES_MS_MAX = 10_000
const SAMPLE = 1 / 20
/** Changes that a live query sees in a pass, and how many of them are averaged before the median is taken. */
const LIVE_CHANGES = 60
const LIVE_GROUP = 10
const LIVE_TIMEOUT_MS = 30_000

/**
 * @typedef {object} Engine
 * @property {import('./adapters/index.js').Adapter} adapter
 * @property {string} name
 * @property {import('./adapters/index.js').Database} [database] the loaded one, open
 * @property {Map<string, number>} fitting small writes that fit in the time of a pass, by measure
 * @typedef {{ ms: number, first?: number, runs?: number, of?: number }} Time milliseconds; with `of`, those of so many runs,
 *   scaled from `runs`
 * @typedef {{ rows: import('./data.js').Row[], writes: number, url: string, sync?: { url: string, token: string } }} World
 */

/** Runs `use` on a database of its own, and deletes that afterwards. */
async function fresh(engine, what, use) {
  const name = `bench-${what}-${engine.name}`
  await engine.adapter.wipe(name)
  const database = await engine.adapter.open(name)
  try {
    return await use(database)
  } finally {
    await database.close()
    await engine.adapter.wipe(name)
  }
}

async function checked(database, rows) {
  compare('scan', await database.scan(), answers.scan(rows))
}

/**
 * Small writes until the last one is persisted. An engine too slow for all of them makes those that fit in the time: the time
 * of the writes is scaled then, that of the last step is not. The first pass samples twice, once to warm up, and goes on
 * if all fit.
 */
function writes(engine, world, measure, write) {
  return fresh(engine, 'writes', async (database) => {
    const all = world.rows.slice(0, world.writes)
    let [runs, writing] = [0, 0]
    const more = async (count) => {
      const rows = all.slice(runs, runs + count)
      const { ms } = await timed(() => write(database, rows))
      runs += rows.length
      writing += ms
      return ms
    }
    const fitting = engine.fitting.get(measure)
    if (fitting !== undefined) await more(fitting)
    else {
      const sample = Math.ceil(all.length * SAMPLE)
      await more(sample)
      const fits = Math.min(all.length, Math.floor((WRITES_MS_MAX * sample) / (await more(sample))))
      if (fits === all.length) await more(all.length)
      engine.fitting.set(measure, fits)
    }
    const { ms: persisting } = await timed(() => database.persisted())
    await checked(database, all.slice(0, runs))
    const ms = (writing * all.length) / runs + persisting
    return runs === all.length ? { ms, runs } : { ms, runs, of: all.length }
  })
}

/** The database with all rows, loaded if it is not: how long that took until all was persisted. */
export async function load(engine, world) {
  const name = `bench-${engine.name}`
  if (engine.database !== undefined) await engine.database.close()
  engine.database = undefined
  await engine.adapter.wipe(name)
  const database = await engine.adapter.open(name)
  const { ms } = await timed(async () => {
    await database.bulkLoad(world.rows)
    await database.persisted()
  })
  engine.database = database
  await checked(database, world.rows)
  return { ms, runs: world.rows.length }
}

/** The database with all rows, as its storage has it. */
export async function reopened(engine, world) {
  engine.database = await engine.adapter.open(`bench-${engine.name}`)
  await checked(engine.database, world.rows)
}

async function query(engine, world, method, options) {
  compare(method, await engine.database[method](), answers[method](world.rows), options)
  return pass(() => engine.database[method]())
}

async function key(engine, world) {
  const below = source(7)
  const ids = Array.from({ length: POINT_READS }, () => 1 + below(world.rows.length))
  const { database } = engine
  compare('pointRead', [await database.pointRead(ids[0])], answers.pointRead(world.rows, ids[0]))
  return passOfBatches(POINT_READS, (at) => database.pointRead(ids[at % POINT_READS]))
}

async function index(engine) {
  const { ms, value } = await timed(() => engine.database.createIndex())
  if (value !== undefined) engine.database = value
  return { ms, runs: 1 }
}

/** From the call of a write until the subscriber is called with its effect. */
async function live(engine, world, limit, by = 'update') {
  const { database } = engine
  const update = (id, stars) => (database[by] === undefined ? database.update(id, stars) : database[by](id, stars))
  const expected = answers.live(world.rows, THREAD, limit)
  let waiting
  let rows
  const until = (holds) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => waiting.failed(new Error(`the live query is silent after ${LIVE_TIMEOUT_MS} ms`)), LIVE_TIMEOUT_MS)
      const settled = (settle) => (value) => {
        clearTimeout(timer)
        waiting = undefined
        settle(value)
      }
      waiting = { holds, seen: settled(resolve), failed: settled(reject) }
      look()
    })
  const look = () => {
    if (waiting !== undefined && rows !== undefined && waiting.holds(rows)) waiting.seen(performance.now())
  }
  const changed = (latest) => {
    rows = latest
    look()
  }
  const end = await database.live(THREAD, limit, changed, (error) => waiting?.failed(error))
  const times = []
  try {
    await until((latest) => latest.length === expected.length)
    compare('live', rows, expected, { sorted: true })
    for (let change = 0; change < LIVE_CHANGES; change++) {
      const place = (change * 7) % Math.min(LIMIT, expected.length)
      const stars = 1_000 + change
      const start = performance.now()
      const shown = until((latest) => latest[place].stars === stars)
      const write = update(expected[place].id, stars)
      times.push((await shown) - start)
      await write
    }
  } finally {
    await end()
  }
  for (const row of expected.slice(0, LIMIT)) await update(row.id, row.stars)
  const groups = []
  for (let at = 0; at < times.length; at += LIVE_GROUP) {
    groups.push(times.slice(at, at + LIVE_GROUP).reduce((sum, ms) => sum + ms, 0) / LIVE_GROUP)
  }
  return { ms: median(groups), first: times[0], runs: times.length }
}

/** From opening what was closed until `read` has answered. */
async function reopen(engine, world, read) {
  if (engine.database !== undefined) await engine.database.close()
  engine.database = undefined
  const { ms } = await timed(async () => {
    engine.database = await engine.adapter.open(`bench-${engine.name}`)
    await read(engine.database, world.rows)
  })
  await checked(engine.database, world.rows)
  return { ms, runs: 1 }
}

/** Rows of a server in an empty database, until they are persisted. */
async function sync(engine, world) {
  const name = `bench-sync-${engine.name}`
  const { adapter } = engine
  await adapter.wipe(name)
  const { ms, value: database } = await timed(async () => {
    if (adapter.firstSync !== undefined) return adapter.firstSync(name, world.sync)
    const [database, text] = await Promise.all([adapter.open(name), fetch(world.url).then((response) => response.text())])
    const rows = text.trimEnd().split('\n').map((line) => JSON.parse(line))
    await database.bulkLoad(rows)
    await database.persisted()
    return database
  })
  try {
    await checked(database, world.rows)
  } finally {
    await database.close()
    await adapter.wipe(name)
  }
  return { ms, runs: world.rows.length }
}

/** By name; those in `needsRows` run on the loaded database. */
export const measures = {
  writes: (engine, world) =>
    writes(engine, world, 'writes', async (database, rows) => {
      for (const row of rows) await database.insertOne(row)
    }),
  burst: (engine, world) => writes(engine, world, 'burst', (database, rows) => Promise.all(rows.map((row) => database.insertOne(row)))),
  bulk: load,
  key,
  filter: (engine, world) => query(engine, world, 'filterOrderLimit', { sorted: true }),
  group: (engine, world) => query(engine, world, 'groupBy'),
  join: (engine, world) => query(engine, world, 'selfJoin'),
  index,
  indexed: (engine, world) => query(engine, world, 'filterOrderLimit', { sorted: true }),
  live: (engine, world) => live(engine, world, LIMIT),
  'live-all': (engine, world) => live(engine, world, undefined),
  'live-engine': (engine, world) => live(engine, world, LIMIT, 'updateInEngine'),
  'reopen-scan': (engine, world) => reopen(engine, world, (database) => database.scan()),
  'reopen-key': (engine, world) => reopen(engine, world, (database, rows) => database.pointRead(rows.length >> 1)),
  sync,
}
