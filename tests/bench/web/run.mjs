// KalamDB in a browser, side by side with other databases: `node run.mjs --help`.

import { readArguments } from './src/arguments.mjs'
import { openPage, findChromium, profile } from './src/browser.mjs'
import { BUILT, buildPages } from './src/build.mjs'
import { packageOf } from './src/engines.mjs'
import { serveFiles } from './src/files.mjs'
import { startServer } from './src/kalamdb_server.mjs'
import { oneLine } from './src/limited.mjs'
import { MEASURES } from './src/measures.mjs'
import { print, writeJson } from './src/report.mjs'
import { SideBySide } from './src/side_by_side.mjs'
import { figure, line, median } from './src/statistics.mjs'
import { visits } from './src/visits.mjs'

try {
  await main(readArguments(process.argv.slice(2)))
} catch (error) {
  console.error(`bench failed: ${oneLine(error)}`)
  process.exitCode = 1
}

async function main(options) {
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
    if (of('visit').length > 0) lines.push(...(await visited(chromium, files, options)))
    if (of('page').length > 0) lines.push(...(await measured(chromium, files, options, of('page'), about)))
  } finally {
    await files.close()
  }
  console.log()
  print(lines, options.engines)
  await writeJson(options.json, about, lines)
}

/** Bytes and start times: each engine in a profile of its own. */
async function visited(chromium, files, { engines, measures }) {
  const seen = {}
  for (const engine of engines) {
    say(`visits: ${engine}`)
    seen[engine] = await visits(chromium, files, engine).catch((error) => ({ failed: oneLine(error) }))
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
    const cached = made('first query, code cached', 'ms', 'visit', ({ visits }) => ({ value: median(visits.slice(1).map(({ ms }) => ms)), visits }))
    lines.push({ ...cold, target_ms: undefined }, cached)
  }
  return lines
}

/** Everything that is measured side by side in one page. */
async function measured(chromium, files, options, measures, about) {
  const { folder, remove } = await profile()
  const outcomes = []
  let server
  try {
    const { page, version, close } = await openPage(chromium, folder, `${files.url}/bench.html`)
    about.browser = version
    try {
      let noServer = 'KALAMDB_SERVER is not set: it is the binary of the server'
      if (measures.some(({ name }) => name === 'sync') && process.env.KALAMDB_SERVER) {
        server = await startServer(process.env.KALAMDB_SERVER, options.rows).catch((error) => void (noServer = oneLine(error)))
      }
      const run = new SideBySide(page, options.engines)
      const sync = server === undefined ? undefined : { url: server.url, token: server.token }
      await run.prepare({ rows: options.rows, writes: options.writes, url: `${files.url}/rows.ndjson?rows=${options.rows}`, sync })
      for (const [engine, { storage }] of Object.entries(run.about)) about.engines[engine].storage = storage
      for (const measure of measures) {
        say(measure.name)
        const of = await run.run(measure, options.passes)
        if (measure.name === 'sync' && sync === undefined && of.kalamdb !== undefined) of.kalamdb = { passes: [], failed: noServer }
        outcomes.push([measure, of])
      }
      await run.end()
    } finally {
      await close()
    }
  } finally {
    await server?.stop()
    await remove()
  }
  return outcomes.map(([measure, of]) => {
    const label = measure.label.replace('{rows}', options.rows.toLocaleString('en')).replace('{writes}', options.writes.toLocaleString('en'))
    const shown = ({ passes, failed, left_out }) => (failed !== undefined ? { failed, passes } : left_out !== undefined ? { left_out } : figure(passes))
    return line(measure, label, 'ms', Object.fromEntries(Object.entries(of).map(([engine, outcome]) => [engine, shown(outcome)])))
  })
}

function say(what) {
  console.error(`${new Date().toISOString().slice(11, 19)} ${what}`)
}
