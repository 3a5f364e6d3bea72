/** The package as it is published, in fresh projects of two bundlers. Slow: npm installs them. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { useServer } from './support/server.js'
import { PACKAGE, Site } from './support/site.js'
import { Tab } from './support/tab.js'
import { until, within } from './support/until.js'
import { useWorld } from './support/world.js'

const INSTALL_MILLIS = 400_000
const { devDependencies } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as {
  devDependencies: { vite: string }
}
const VITE = { vite: devDependencies.vite }
const WEBPACK = { webpack: '5.112.2', 'webpack-cli': '7.3.1' }
const world = useWorld()
const server = useServer()
const folder = mkdtempSync(join(tmpdir(), 'kalamdb-package-'))
let tarball = ''

/** What the application of each project does; a join needs the second module. */
const APPLICATION = `
import { open } from 'kalamdb'

async function main() {
  const db = await open({ name: 'fresh' })
  await db.query('CREATE NAMESPACE IF NOT EXISTS app')
  await db.query('CREATE USER TABLE IF NOT EXISTS app.notes (id INT PRIMARY KEY, title TEXT)')
  const write = await db.sql\`INSERT INTO app.notes VALUES (\${1}, \${'written'}) ON CONFLICT DO NOTHING\`
  await write.persisted()
  const [row] = await db.sql\`SELECT a.title FROM app.notes AS a JOIN app.notes AS b ON a.id = b.id\`
  document.title = row.title
}
main().catch((error) => { document.title = 'failed: ' + error.message })
`

function npm(cwd: string, ...args: string[]): void {
  execFileSync('npm', [...args, '--no-audit', '--no-fund'], { cwd, stdio: 'pipe', timeout: INSTALL_MILLIS })
}

/** Makes a project, and installs the tarball with what else it needs. */
function project(name: string, tools: Record<string, string>, files: Record<string, string>): string {
  const root = join(folder, name)
  mkdirSync(root, { recursive: true })
  const manifest = {
    name,
    private: true,
    type: 'module',
    dependencies: { kalamdb: `file:${tarball}` },
    devDependencies: tools
  }
  for (const [file, text] of Object.entries({
    'package.json': JSON.stringify(manifest),
    'main.js': APPLICATION,
    ...files
  })) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }
  npm(root, 'install')
  return root
}

const page = (script: string): string =>
  `<!doctype html><html lang="en"><title>waiting</title><link rel="icon" href="data:,"><script type="module" src="${script}"></script></html>`

/** The title that the application gives to its page. */
async function titleAt(url: string): Promise<string> {
  const device = await world.device()
  const tab = new Tab(await device.context.newPage())
  await tab.page.goto(url)
  return until('the application is through', async () => {
    const title = await tab.page.title()
    return title !== 'waiting' && title !== '' && title
  })
}

/** The title in what a bundler has built. */
async function titleOf(built: string): Promise<string> {
  const site = await new Site([['/', built]]).start()
  try {
    return await titleAt(`${site.url}/index.html`)
  } finally {
    await site.stop()
  }
}

beforeAll(() => {
  npm(PACKAGE, 'pack', '--pack-destination', folder)
  tarball = join(folder, readdirSync(folder).find((file) => file.endsWith('.tgz')) as string)
}, INSTALL_MILLIS)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it(
  'runs in a Vite project: the development server and what is built',
  async () => {
    const config = "export default { optimizeDeps: { exclude: ['kalamdb'] } }\n"
    const root = project('vite', VITE, { 'index.html': page('/main.js'), 'vite.config.js': config })
    execFileSync('npx', ['vite', 'build'], { cwd: root, stdio: 'pipe' })
    expect(await titleOf(join(root, 'dist'))).toBe('written')
    await development(root, async (url) => expect(await titleAt(url)).toBe('written'))

    // Vite 8 finds the worker of a package that it has bundled, too.
    writeFileSync(join(root, 'vite.config.js'), 'export default {}\n')
    await development(root, async (url) => expect(await titleAt(url)).toBe('written'))
  },
  INSTALL_MILLIS
)

it(
  'runs in a webpack project',
  async () => {
    const config = "export default { mode: 'production', entry: './main.js', output: { publicPath: '/' } }\n"
    const root = project('webpack', WEBPACK, { 'webpack.config.js': config })
    execFileSync('npx', ['webpack'], { cwd: root, stdio: 'pipe' })
    writeFileSync(join(root, 'dist/index.html'), page('/main.js'))
    expect(await titleOf(join(root, 'dist'))).toBe('written')
  },
  INSTALL_MILLIS
)

it(
  'the guide to a first web application leads to a note that was written offline',
  async () => {
    const guide = readFileSync(join(PACKAGE, '../../docs/web-start.md'), 'utf8')
    const main = String(/^```ts\n([\s\S]*?)^```$/m.exec(guide)?.[1]).replace('http://127.0.0.1:7171', server.url)
    // What `npm create vite` makes; the address is that of the test's server.
    const root = project('guide', VITE, { 'index.html': page('/src/main.ts'), 'src/main.ts': main })
    await development(root, async (url) => {
      const [one, two] = await Promise.all([0, 1].map(async () => (await world.device()).context.newPage()))
      if (one === undefined || two === undefined) throw new Error('no page')
      const says = (page: Page, text: string) =>
        until(`a page says ${text}`, async () => (await page.locator('p').textContent())?.startsWith(text))
      const shows = (page: Page, ...titles: string[]) =>
        until(`a page shows ${String(titles)}`, async () => {
          const shown = await page.locator('li').allTextContents()
          return String(shown) === String(titles)
        })
      const add = async (page: Page, title: string) => {
        await page.locator('input').fill(title)
        await page.locator('button').click()
      }
      const address = `${url}#${server.mint()}`
      await Promise.all([one.goto(address), two.goto(address)])
      await add(one, 'at once')
      await shows(two, 'at once')
      await server.kill('SIGTERM')
      await says(one, 'waiting')
      await add(one, 'offline')
      await says(one, 'waiting, 1 to send')
      await one.reload()
      await shows(one, 'at once', 'offline')
      await server.start()
      await shows(two, 'at once', 'offline')
    })
  },
  INSTALL_MILLIS
)

/** Runs Vite's development server for as long as the work takes. */
async function development(root: string, work: (url: string) => Promise<void>): Promise<void> {
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  const server = spawn(process.execPath, [vite, '--host', '127.0.0.1'], {
    cwd: root,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const gone = new Promise((resolve) => server.once('exit', resolve))
  try {
    const url = await within(
      'the development server',
      new Promise<string>((resolve) => {
        createInterface({ input: server.stdout }).on('line', (line) => {
          const [, address] = /Local:\s+(http:\S+)/.exec(line) ?? []
          if (address !== undefined) resolve(address)
        })
      })
    )
    await work(url)
  } finally {
    server.kill()
    await gone
  }
}
