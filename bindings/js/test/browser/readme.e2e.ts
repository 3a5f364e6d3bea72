/** Every example of the READMEs and of the doc comments runs in the browser. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type ViteDevServer } from 'vite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { COMMENT_EXAMPLES, type Example, README_EXAMPLES } from '../support/examples.js'
import { useServer } from './support/server.js'
import { PACKAGE } from './support/site.js'
import { Tab } from './support/tab.js'
import { until } from './support/until.js'
import { type Device, useWorld } from './support/world.js'

const DIST = join(PACKAGE, 'dist')
const [quickStart] = README_EXAMPLES
const examples = [...README_EXAMPLES, ...COMMENT_EXAMPLES]
const isComponent = ({ file }: Example): boolean => file.endsWith('.tsx')
const mounted = ({ file }: Example): string => file.replace('.tsx', '.mount.js')

/** Examples that show a component, by rendering it. */
const mount = (file: string): string => `
  import { createElement } from 'react'
  import { createRoot } from 'react-dom/client'
  import { App } from './${file}'
  createRoot(document.body.appendChild(document.createElement('div'))).render(createElement(App))`

const world = useWorld()
const server = useServer()
const folder = mkdtempSync(join(tmpdir(), 'kalamdb-readme-'))
let vite: ViteDevServer
let url = ''

beforeAll(async () => {
  symlinkSync(join(PACKAGE, 'node_modules'), join(folder, 'node_modules'))
  for (const { file, text } of examples) writeFileSync(join(folder, file), text)
  for (const example of examples.filter(isComponent)) writeFileSync(join(folder, mounted(example)), mount(example.file))
  writeFileSync(
    join(folder, 'index.html'),
    '<!doctype html><html lang="en"><title>README</title><link rel="icon" href="data:,"></html>'
  )
  vite = await createServer({
    root: folder,
    configFile: false,
    cacheDir: join(folder, '.vite'),
    logLevel: 'error',
    oxc: { jsx: { runtime: 'automatic' } },
    optimizeDeps: { include: ['react', 'react/jsx-dev-runtime', 'react-dom/client'] },
    resolve: {
      alias: [
        { find: /^kalamdb\/react$/, replacement: join(DIST, 'react.js') },
        { find: /^kalamdb$/, replacement: join(DIST, 'index.js') }
      ]
    },
    server: { host: '127.0.0.1', port: 0, fs: { strict: false } }
  })
  // What the reader copies to the assets.
  vite.middlewares.stack.unshift({
    route: '',
    handle: ((request: { url?: string }, _: unknown, next: () => void) => {
      request.url = (request.url ?? '').replace(/^\/assets\/kalamdb/, `/@fs${DIST}`)
      next()
    }) as never
  })
  await vite.listen()
  url = vite.resolvedUrls?.local[0] as string
})
afterAll(async () => {
  await vite?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Runs an example in a tab of a device: its last line is reached, or it throws. */
async function run(device: Device, file: string): Promise<Tab> {
  const tab = new Tab(await device.context.newPage())
  await tab.page.goto(url)
  // As text: Vitest has an import of its own.
  await tab.page.evaluate(`import('/${file}')`)
  return tab
}

it('there are examples', () => {
  expect(README_EXAMPLES.length).toBeGreaterThan(5)
  expect(quickStart?.text).toContain('defineSchema')
  expect(COMMENT_EXAMPLES.length).toBeGreaterThan(9)
})

for (const example of examples) {
  if (isComponent(example)) continue
  it(example.file, async () => {
    const tab = await run(await world.device(), example.file)
    expect(tab.problems).toEqual([])
  })
}

/** Shows a component on a device where the quick start has run. */
async function show(example: Example): Promise<Tab> {
  const device = await world.device()
  await run(device, String(quickStart?.file))
  return run(device, mounted(example))
}

const components = examples.filter(isComponent)

it('the component of the README shows the rows of the quick start, and adds one', async () => {
  const tab = await show(components[0] as Example)
  const titles = () => tab.page.locator('li').allTextContents()
  await until('the row is shown', async () => String(await titles()) === 'written without a network')
  await tab.page.getByRole('button').click()
  await until('there are two', async () => (await titles()).length === 2)
  expect(await tab.page.locator('p').first().textContent()).toMatch(/^offline, \d+ to send$/)
  expect(tab.problems).toEqual([])
})

for (const example of components.slice(1)) {
  it(`the component of ${example.file} shows the row of the quick start`, async () => {
    const tab = await show(example)
    await until('the row is shown', async () =>
      /^(1|written without a network)$/.test((await tab.page.locator('p, li').allTextContents()).join())
    )
    expect(tab.problems).toEqual([])
  })
}

it("the repository's README writes a row that the server has", async () => {
  const text = readFileSync(join(PACKAGE, '../../README.md'), 'utf8')
  const code = /^ {4}import \{ defineSchema[\s\S]*?\n(?=\S)/m.exec(text)?.[0] ?? ''
  const here = code.replace('location.hash.slice(1)', JSON.stringify(server.mint()))
  writeFileSync(join(folder, 'root.ts'), here.replace('http://127.0.0.1:7171', server.url))
  const tab = await run(await world.device(), 'root.ts')
  expect(await server.sql('SELECT title FROM app.notes', server.mint())).toEqual([{ title: 'offline first' }])
  expect(tab.problems).toEqual([])
})
