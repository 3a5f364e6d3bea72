/** A page of a device, which runs what a test sends it. */
import type { CDPSession, Page } from 'playwright-core'
import type * as kalam from '../../../src/index.js'
import type { ErrorKind, RejectedWrite } from '../../../src/index.js'
import { until, within } from './until.js'

/** What functions that run in a page are given. */
export interface PageApi {
  readonly kalam: typeof kalam
  /** The database that {@link Tab.open} opened. */
  db: kalam.Database<any> // eslint-disable-line
  /** For `open({ worker })`: workers in a browser that the script has changed. */
  changedBy(script: string): () => Worker
  /** Kept from one call to the next. */
  readonly kept: Record<string, any>
}

/** What a page threw. */
export class PageError extends Error {
  readonly kind?: ErrorKind
  readonly code?: string
  readonly line?: number
  readonly column?: number
  readonly rejected?: RejectedWrite

  constructor(of: { name: string; message: string }) {
    super(of.message)
    Object.assign(this, of)
  }
}

/** What a page threw, or an error if it did not throw. */
export const failure = (work: Promise<unknown>): Promise<PageError> =>
  work.then(
    () => {
      throw new Error('nothing was wrong')
    },
    (error: PageError) => error
  )

/** What can be told to a page: options of `open` without functions. */
export interface OpenText {
  readonly name: string
  readonly storage?: kalam.StorageMode | kalam.StorageOptions
  readonly sync?: { readonly url: string; readonly token: string; readonly user?: string; readonly start?: boolean }
  readonly timestamps?: 'date' | 'iso'
}

type Row = Record<string, unknown>

export class Tab {
  /** What went wrong in the page without being caught. */
  readonly problems: string[] = []
  /** What the page and its worker reported as errors, as WebAssembly does before it ends. */
  readonly log: string[] = []
  hasCrashed = false
  #cdp: Promise<CDPSession> | undefined

  constructor(readonly page: Page) {
    page.on('pageerror', (error) => this.problems.push(String(error)))
    page.on('console', (message) => {
      if (message.type() === 'error') this.log.push(message.text())
    })
    page.on('crash', () => (this.hasCrashed = true))
  }

  get isGone(): boolean {
    return this.hasCrashed || this.page.isClosed()
  }

  /** Loads the page, or loads it again. */
  async load(url: string): Promise<this> {
    await this.page.goto(url)
    await until('the page is ready', () => this.page.evaluate<boolean>('globalThis.run !== undefined'))
    return this
  }

  /** Loads it again: all that was kept is gone. */
  async reload(): Promise<this> {
    return this.load(this.page.url())
  }

  /** Runs a function in the page. It sees only its arguments and what pages have. */
  async run<T, A = undefined>(work: (api: PageApi, argument: A) => T | Promise<T>, argument?: A): Promise<T> {
    const evaluated = this.page.evaluate(
      ([text, given]) =>
        (globalThis as unknown as { run(text: string, of: unknown): Promise<unknown> }).run(text, given),
      [String(work), argument] as const
    )
    const { value, error } = (await within(`an answer of the page to ${String(work).slice(0, 200)}`, evaluated)) as {
      value: T
      error?: { name: string; message: string; code?: string }
    }
    if (error !== undefined) {
      const why = error.code === 'worker_crashed' ? this.log.splice(0).join('\n') : ''
      throw new PageError({ ...error, message: [error.message, why].filter((part) => part !== '').join('\n') })
    }
    return value
  }

  /** Opens a database as `api.db`, and makes tables in it. */
  async open(options: OpenText, tables = ''): Promise<this> {
    await this.run(async (api, given) => {
      api.db = await api.kalam.open(given)
    }, options)
    if (tables !== '') await this.query(tables)
    return this
  }

  /** Rows of a statement. */
  async query<R = Row>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    return this.run(async ({ db }, given) => [...(await db.query<R>(given.text, given.values))], { text, values })
  }

  /** Runs a statement and waits until it is on disk. */
  async write(text: string, values: readonly unknown[] = []): Promise<number> {
    return this.run(
      async ({ db }, given) => {
        const result = await db.query(given.text, given.values)
        await result.persisted()
        return result.affected
      },
      { text, values }
    )
  }

  /** Waits until the server and this device have each other's writes. */
  async synced(): Promise<void> {
    await this.run(({ db }) => db.sync.waitFor('synced', { timeout: 50_000 }))
  }

  async role(): Promise<'leader' | 'follower'> {
    return this.run(({ db }) => db.tabs.role)
  }

  /** Chromium's protocol for this page. */
  cdp(): Promise<CDPSession> {
    return (this.#cdp ??= this.page.context().newCDPSession(this.page))
  }

  /**
   * Nothing of the page runs any more, its worker neither, as browsers do with pages in the background. Only pages of a
   * `Profile` can be: Playwright keeps others active.
   */
  async freeze(): Promise<void> {
    await (await this.cdp()).send('Page.setWebLifecycleState', { state: 'frozen' })
  }

  async thaw(): Promise<void> {
    await (await this.cdp()).send('Page.setWebLifecycleState', { state: 'active' })
  }

  /** The page's process ends without a word. */
  async crash(): Promise<void> {
    const cdp = await this.cdp()
    // There is no answer from what is gone.
    cdp.send('Page.crash').catch(() => {})
    await until('the page has crashed', () => this.hasCrashed)
  }

  /** Runs text as the body of a function in the database's worker. */
  async inWorker(text: string): Promise<unknown> {
    const worker = await until('the page has a worker', () => this.page.workers().at(-1))
    return worker.evaluate(`(async () => { ${text} })()`)
  }

  async close(): Promise<void> {
    if (!this.page.isClosed()) await this.page.close()
  }
}
