/** A browser and a site for the tests of a file; each test has devices of its own. */
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type LaunchOptions
} from 'playwright-core'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { Site } from './site.js'
import { Tab } from './tab.js'

/** How Chromium is started; `CHROMIUM` names another one. */
export const LAUNCH: LaunchOptions = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage']
}

/** A browser profile: its tabs share what is stored. */
export class Device {
  readonly tabs: Tab[] = []

  constructor(
    readonly context: BrowserContext,
    readonly url: string
  ) {}

  /** A new tab with the page of the tests. */
  async tab(path = '/'): Promise<Tab> {
    const tab = new Tab(await this.context.newPage())
    this.tabs.push(tab)
    return tab.load(this.url + path)
  }

  async close(): Promise<void> {
    await this.context.close()
  }
}

export class World {
  site!: Site
  browser!: Browser
  #devices: Device[] = []
  #own: Promise<Device> | undefined

  async start(): Promise<void> {
    this.site = await new Site().start()
    this.browser = await chromium.launch(LAUNCH)
  }

  /** A device on which nothing is stored yet. */
  async device(options: BrowserContextOptions = {}): Promise<Device> {
    const device = new Device(await this.browser.newContext(options), this.site.url)
    this.#devices.push(device)
    return device
  }

  /** A tab of a new device. */
  async tab(): Promise<Tab> {
    return (await this.device()).tab()
  }

  /** Another tab of the one device of the test. */
  async ownTab(): Promise<Tab> {
    return (await (this.#own ??= this.device())).tab()
  }

  async reset(): Promise<void> {
    this.site.answers.clear()
    this.#own = undefined
    await Promise.all(this.#devices.splice(0).map((device) => device.close()))
  }

  async stop(): Promise<void> {
    await this.browser?.close()
    await this.site?.stop()
  }
}

/** The world of a test file. */
export function useWorld(): World {
  const world = new World()
  beforeAll(() => world.start())
  afterEach(() => world.reset())
  afterAll(() => world.stop())
  return world
}
