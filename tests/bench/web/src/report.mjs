// The figures as tables and as JSON.

import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

const FAILED = 'failed'
const LEFT_OUT = '–'

/** Prints the lines: first KalamDB next to the best peer, then all engines, then what failed. */
export function print(lines, engines) {
  const summary = [['figure', 'first run', 'first pass', 'kalamdb', 'best peer', '', 'ratio', 'target']]
  for (const { label, unit, best, ratio, target, target_ms, engines: of } of lines) {
    const { kalamdb = {} } = of
    const aim = target !== undefined ? `≤ ${target}` : target_ms !== undefined ? `≤ ${target_ms} ms` : ''
    const begun = [kalamdb.first, kalamdb.early].map((ms) => (ms === undefined ? '' : milliseconds(ms)))
    summary.push([label, ...begun, cell(of.kalamdb, unit), best === undefined ? '' : cell(of[best], unit), best ?? '', shown(ratio), aim])
  }
  table(summary)
  console.log('\nratio: KalamDB divided by the best peer, lower is better\n')
  table([['figure', ...engines], ...lines.map(({ label, unit, engines: of }) => [label, ...engines.map((name) => cell(of[name], unit))])])
  for (const text of scaled(lines)) console.log(`\n* ${text}`)
  for (const [failure, labels] of failures(lines)) console.log(`\nfailed: ${failure}\n  ${labels.join('\n  ')}`)
}

/** What the marked figures are made of. */
function scaled(lines) {
  return lines.flatMap(({ label, engines }) => {
    const made = Object.entries(engines).filter(([, { scaled }]) => scaled !== undefined)
    const shown = made.map(([name, { scaled }]) => `${name} ${scaled.runs.toLocaleString('en')} of ${scaled.of.toLocaleString('en')}`)
    return shown.length === 0 ? [] : [`${label}: scaled from what fits in a pass: ${shown.join(', ')}`]
  })
}

/** The lines that failed, by engine and error. */
function failures(lines) {
  const failed = new Map()
  for (const { label, engines } of lines) {
    for (const [name, { failed: error }] of Object.entries(engines)) {
      if (error === undefined) continue
      const failure = `${name}: ${error}`
      failed.set(failure, [...(failed.get(failure) ?? []), label])
    }
  }
  return failed
}

/** Writes the figures and what they were measured with. */
export async function writeJson(path, about, lines) {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `${JSON.stringify({ ...about, figures: lines }, undefined, 2)}\n`)
  console.log(`\nwritten to ${path}`)
}

function cell(engine, unit) {
  if (engine === undefined) return ''
  if (engine.failed !== undefined) return FAILED
  if (engine.value === undefined) return LEFT_OUT
  return unit === 'bytes' ? `${(engine.value / 1e6).toFixed(2)} MB` : `${milliseconds(engine.value)}${engine.scaled === undefined ? '' : '*'}`
}

function milliseconds(ms) {
  if (ms < 1) return `${shown(ms * 1_000)} µs`
  return ms < 10_000 ? `${shown(ms)} ms` : `${shown(ms / 1_000)} s`
}

/** A number with about three digits. */
function shown(value) {
  if (value === undefined) return ''
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

/** Columns as wide as what is in them; the first one left, the others right. */
function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  for (const row of rows) {
    console.log(row.map((text, column) => (column === 0 ? text.padEnd(widths[column]) : text.padStart(widths[column]))).join('  ').trimEnd())
  }
}
