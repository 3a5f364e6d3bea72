/** The package as it is built, on a server. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { PACKAGE } from './support/site.js'

const run = (text: string): string =>
  execFileSync(process.execPath, ['--input-type=module', '-e', text], { encoding: 'utf8', cwd: PACKAGE }).trim()
const dist = (file: string): string => JSON.stringify(pathToFileURL(join(PACKAGE, 'dist', file)).href)

it('is imported without effects, and open() says that it runs in browsers', () => {
  const told = run(`
    const before = Object.keys(globalThis).length
    const { open, sql, defineSchema, t } = await import(${dist('index.js')})
    await import(${dist('worker.js')})
    if (Object.keys(globalThis).length !== before) throw new Error('it left something behind')
    defineSchema('app', { notes: { id: t.uuid().primaryKey() } })
    sql\`SELECT \${1}\`
    const error = await open({ name: 'x' }).catch((error) => error)
    console.log(JSON.stringify({ name: error.name, kind: error.kind, code: error.code, message: error.message }))`)
  expect(JSON.parse(told)).toMatchObject({ name: 'KalamError', kind: 'invalid', code: 'no_worker' })
  expect(told).toContain('browser')
})

it('renders the fallback of its provider', () => {
  const html = run(`
    const { createElement } = await import('react')
    const { renderToString } = await import('react-dom/server')
    const { KalamProvider } = await import(${dist('react.js')})
    console.log(renderToString(createElement(KalamProvider, { options: { name: 'x' }, fallback: 'opening' }, 'the page')))`)
  expect(html).toContain('opening')
})
