// The command line.

import { parseArgs } from 'node:util'
import { MEASURES } from './measures.mjs'
import { ENGINES } from './engines.mjs'

const HELP = `usage: node run.mjs [options]

  --rows N         rows of the large table (100000)
  --writes N       small writes (a tenth of the rows)
  --passes N       passes of each measure (4); small writes take at most 2, loads, reopening and first sync 3
  --only a,b       measures: ${MEASURES.map(({ name }) => name).join(', ')}
  --peers a,b      engines next to kalamdb: ${ENGINES.filter((name) => name !== 'kalamdb').join(', ')}
  --without-kalamdb  the peers alone
  --json FILE      where the figures go as JSON (.build/bench.json)
  --help

The browser is Chromium: CHROMIUM names it, otherwise it is looked for. KALAMDB_SERVER is the binary of the server that
the first sync needs, KALAMDB_JS the folder of the npm package (bindings/js).`

/**
 * @returns {{ rows: number, writes: number, passes: number, measures: string[], engines: string[], json: string }}
 * @throws {Error} if an option or a name is unknown, or a number is none
 */
export function readArguments(args) {
  const { values } = parseArgs({
    args,
    options: {
      rows: { type: 'string', default: '100000' },
      writes: { type: 'string' },
      passes: { type: 'string', default: '4' },
      only: { type: 'string' },
      peers: { type: 'string' },
      'without-kalamdb': { type: 'boolean', default: false },
      json: { type: 'string', default: new URL('../.build/bench.json', import.meta.url).pathname },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    process.exit(0)
  }
  const rows = count('--rows', values.rows)
  const peers = names('--peers', values.peers, ENGINES)
  return {
    rows,
    writes: values.writes === undefined ? Math.max(1, Math.round(rows / 10)) : count('--writes', values.writes),
    passes: count('--passes', values.passes),
    measures: names('--only', values.only, MEASURES.map(({ name }) => name)),
    engines: ENGINES.filter((name) => (name === 'kalamdb' ? !values['without-kalamdb'] : peers.includes(name))),
    json: values.json,
  }
}

function count(option, text) {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`${option} ${text}: give a whole number above 0`)
  return number
}

function names(option, text, known) {
  if (text === undefined) return known
  const asked = text.split(',').filter((name) => name !== '')
  for (const name of asked) if (!known.includes(name)) throw new Error(`${option} ${name}: it is unknown, give some of ${known.join(', ')}`)
  return known.filter((name) => asked.includes(name))
}
