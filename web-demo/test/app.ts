import { createRequire } from 'node:module'
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core'
import type { Site } from './site'

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const screenshots = fileURLToPath(new URL('./screenshots/', import.meta.url))

export const PAGES = ['notes', 'flights', 'devices', 'console', 'inspector'] as const
export type PageName = (typeof PAGES)[number]

/** How the application is looked at. */
export interface Look {
  readonly name: string
  readonly scheme: 'light' | 'dark'
  readonly width: number
  readonly height: number
}

export const LOOKS: readonly Look[] = [
  { name: 'light', scheme: 'light', width: 1280, height: 800 },
  { name: 'dark', scheme: 'dark', width: 1280, height: 800 },
  { name: 'phone-light', scheme: 'light', width: 360, height: 740 },
  { name: 'phone-dark', scheme: 'dark', width: 360, height: 740 }
]

/** How long anything that is waited for may take. */
export const DEADLINE = 30_000

/** A browser profile with the application open in it, and what it complained of. */
export class App {
  readonly page: Page
  readonly context: BrowserContext
  readonly complaints: string[] = []
  readonly #site: Pick<Site, 'url'>

  private constructor(page: Page, site: Pick<Site, 'url'>) {
    this.page = page
    this.context = page.context()
    this.#site = site
    page.setDefaultTimeout(DEADLINE)
    page.on('pageerror', (error) => this.complaints.push(error.message))
    page.on('console', (message) => {
      // Without a server there is no kalamdb.json, which the browser tells, too.
      if (message.type() === 'error' && !/\/kalamdb\.json(\?|$)/.test(message.location().url)) this.complaints.push(message.text())
    })
  }

  static async open(browser: Browser, site: Pick<Site, 'url'>, look: Look = LOOKS[0] as Look): Promise<App> {
    const context = await browser.newContext({ viewport: { width: look.width, height: look.height }, colorScheme: look.scheme, reducedMotion: 'reduce', acceptDownloads: true })
    const app = new App(await context.newPage(), site)
    await app.page.goto(site.url)
    return app
  }

  /** As {@link App.open}, past the form that asks for a server. */
  static async alone(browser: Browser, site: Pick<Site, 'url'>, look?: Look): Promise<App> {
    const app = await App.open(browser, site, look)
    await app.page.getByRole('button', { name: 'Work without a server' }).click()
    await app.page.getByRole('heading', { name: 'Notes', level: 1 }).waitFor()
    return app
  }

  /** As {@link App.open}, with all that the server has. */
  static async synced(browser: Browser, site: Pick<Site, 'url'>, look?: Look): Promise<App> {
    const app = await App.open(browser, site, look)
    await app.inSync()
    return app
  }

  async inSync(): Promise<void> {
    await this.page.locator('.top .pill-text', { hasText: 'In sync' }).waitFor()
  }

  /** Waits until the page says that so many writes wait for the server. */
  async toSend(writes: number): Promise<void> {
    await this.page.locator('.top .pill-count', { hasText: new RegExp(`^${writes} to send$`) }).waitFor()
  }

  /** Writes a task, and gives its line in the list. */
  async addTask(title: string): Promise<Locator> {
    await this.page.getByLabel('New task').fill(title)
    await this.page.keyboard.press('Enter')
    const row = this.page.locator('.note-row', { hasText: title })
    await row.waitFor()
    return row
  }

  /** A part of the page by its heading. */
  panel(title: string): Locator {
    return this.page.getByRole('region', { name: title, exact: true })
  }

  /** What a panel of the inspector says of this. */
  async fact(title: string, name: string): Promise<string> {
    const of = this.page.locator('dt').filter({ hasText: new RegExp(`^${name}$`) })
    return this.panel(title).locator('.facts > div', { has: of }).locator('dd').innerText()
  }

  /** The names of IndexedDB's databases. */
  stored(): Promise<string[]> {
    return this.page.evaluate(async () => (await indexedDB.databases()).flatMap(({ name }) => name ?? []).sort())
  }

  async visit(name: PageName): Promise<void> {
    await this.page.goto(`${this.#site.url}#/${name}`)
    await this.page.locator(`.page-${name} h1`).waitFor()
  }

  /** What axe finds serious or critical. */
  async faults(): Promise<string[]> {
    await this.page.addScriptTag({ path: axe })
    return this.page.evaluate(async () => {
      const { violations } = await (globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> } }).axe.run()
      return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`))
    })
  }

  /** What does not fit the width of the page. */
  async overflow(): Promise<number> {
    return this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  }

  async shoot(name: string): Promise<void> {
    mkdirSync(screenshots, { recursive: true })
    await this.page.screenshot({ path: `${screenshots}${name}.png` })
  }

  close(): Promise<void> {
    return this.context.close()
  }
}
