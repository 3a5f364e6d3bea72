// KalamDB in a browser, side by side with other databases: `node run.mjs --help`.

import { readArguments } from './src/arguments.mjs'
import { findChromium } from './src/browser.mjs'
import { BUILT, buildPages } from './src/build.mjs'
import { packageOf } from './src/engines.mjs'
import { serveFiles } from './src/files.mjs'
import { startServer } from './src/kalamdb_server.mjs'
import { oneLine } from './src/limited.mjs'
import { MEASURES } from './src/measures.mjs'
import { print, writeJson } from './src/report.mjs'
import { SideBySide } from './src/side_by_side.mjs'
import { figure, line, median } from './src/statistics.mjs'
import { LONG_VISITS, visits } from './src/visits.mjs'

/** Ends the run, which prints what it has. A second signal ends the process at once. */
const stop = new AbortController()
for (const [signal, number] of [['SIGINT', 2], ['SIGTERM', 15]]) {
  process.once(signal, () => {
    say(`${signal}: stopping`)
    process.exitCode = 128 + number
    stop.abort(new Error(`stopped by ${signal}`))
  })
}

try {
  await main(readArguments(process.argv.slice(2)), stop.signal)
} catch (error) {
  console.error(`bench failed: ${oneLine(error)}`)
  process.exitCode ??= 1
}

async function main(options, signal) {
  const chromium = await findChromium()
  say('building the pages')
  const missing = await buildPages()
  if (missing !== undefined) say(missing)
  const files = await serveFiles(BUILT)
  const about = { rows: options.rows, writes: options.writes, passes: options.passes, engines: {} }
  for (const engine of options.engines) about.engines[engine] = { package: await packageOf(engine) }
  const lines = []
  try {
    const of = (where) => MEASURES.filter((measure) => measure.where === where && options.measures.includes(measure.name))
    if (of('visit').length > 0) lines.push(...(await visited(chromium, files, options, signal)))
    for await (const line of measured(chromium, files, options, of('page'), about, signal)) lines.push(line)
  } catch (error) {
    if (!signal.aborted) throw error
    about.stopped = signal.reason.message
  } finally {
    await files.close()
  }
  console.log()
  print(lines, options.engines)
  if (about.stopped !== undefined) console.log(`\n${about.stopped}: the measures after these are missing`)
  await writeJson(options.json, about, lines)
}

/** Bytes and start times: each engine in a profile of its own. */
async function visited(chromium, files, { engines, measures }, signal) {
  const seen = {}
  for (const engine of engines) {
    say(`visits: ${engine}`)
    seen[engine] = await visits(chromium, files, engine, signal).catch((error) => ({ failed: oneLine(error) }))
    signal.throwIfAborted()
  }
  const made = (label, unit, name, value) => {
    const of = ([engine, { failed, ...rest }]) => [engine, failed === undefined ? value(rest) : { failed }]
    const measure = MEASURES.find((measure) => measure.name === name)
    return line(measure, label, unit, Object.fromEntries(Object.entries(seen).map(of)))
  }
  const bytes = (part, form) => ({ bytes, joinFailed }) =>
    part === 'join' && joinFailed !== undefined ? { failed: joinFailed } : { value: bytes[part][form], ...bytes[part] }
  const lines = []
  if (measures.includes('bytes')) {
    lines.push(
      made('download until the first query, brotli', 'bytes', 'bytes', bytes('first', 'brotli')),
      made('download until the first query, gzip', 'bytes', 'bytes', bytes('first', 'gzip')),
      made('download with a join, brotli', 'bytes', 'bytes', bytes('join', 'brotli')),
      made('download with a join, gzip', 'bytes', 'bytes', bytes('join', 'gzip')),
    )
  }
  if (measures.includes('visit')) {
    const cold = made('first query, cold', 'ms', 'visit', ({ visits }) => ({ value: visits[0].ms, visits }))
    const later = (visits) => ({ value: median(visits.slice(LONG_VISITS).map(({ ms }) => ms)), visits })
    const again = made('first query, later visits', 'ms', 'visit', ({ visits }) => later(visits))
    const cached = made('first query, code cached', 'ms', 'visit', ({ cached }) => later(cached))
    lines.push({ ...cold, target_ms: undefined }, { ...again, target_ms: undefined }, cached)
  }
  return lines
}

/** Everything that is measured side by side in one page: a line for each measure. */
async function* measured(chromium, files, options, measures, about, signal) {
  const run = new SideBySide(options.engines, { chromium, url: `${files.url}/bench.html`, signal })
  try {
    for (const measure of measures) {
      say(measure.name)
      const world = { rows: options.rows, writes: options.writes, url: `${files.url}/rows.ndjson?rows=${options.rows}` }
      const of = measure.name === 'sync' ? await firstSync(run, measure, options, world) : await run.run(measure, options.passes, world)
      about.browser = run.version
      for (const [engine, storage] of Object.entries(run.storage)) about.engines[engine].storage = storage
      yield shown(measure, of, options)
    }
  } finally {
    await run.end()
  }
}

/** The first sync, with a server of KalamDB that is there for it alone. */
async function firstSync(run, measure, { engines, rows, passes }, world) {
  if (!engines.includes('kalamdb')) return run.run(measure, passes, world)
  const unable = (why) => run.run(measure, passes, world, { kalamdb: why })
  const binary = process.env.KALAMDB_SERVER
  if (!binary) return unable('KALAMDB_SERVER is not set: it is the binary of the server')
  const server = await startServer(binary, rows).catch((error) => oneLine(error))
  if (typeof server === 'string') return unable(server)
  try {
    return await run.run(measure, passes, { ...world, sync: { url: server.url, token: server.token } })
  } finally {
    await server.stop()
  }
}

/** The outcomes of a measure as a line of the table. */
function shown(measure, of, { rows, writes }) {
  const label = measure.label.replace('{rows}', rows.toLocaleString('en')).replace('{writes}', writes.toLocaleString('en'))
  const engine = ({ passes, failed, left_out }) => (failed !== undefined ? { failed, passes } : left_out !== undefined ? { left_out } : figure(passes))
  return line(measure, label, 'ms', Object.fromEntries(Object.entries(of).map(([name, outcome]) => [name, engine(outcome)])))
}

function say(what) {
  console.error(`${new Date().toISOString().slice(11, 19)} ${what}`)
}
