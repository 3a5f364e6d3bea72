/** A browser as its user starts it: one profile on disk, and tabs that it may freeze as it does with those in the background. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Browser, chromium } from 'playwright-core'
import { within } from './until.js'
import { Device, LAUNCH } from './world.js'

export class Profile {
  readonly folder = mkdtempSync(join(tmpdir(), 'kalamdb-profile-'))
  #child: ChildProcess | undefined
  #browser: Browser | undefined

  /** Starts the browser, the first time and again. */
  async start(url: string, flags: readonly string[] = []): Promise<Device> {
    const args = [
      ...(LAUNCH.args ?? []),
      ...flags,
      '--headless',
      '--remote-debugging-port=0',
      `--user-data-dir=${this.folder}`,
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--renderer-process-limit=32',
      'about:blank'
    ]
    const child = spawn(LAUNCH.executablePath as string, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child = child
    const endpoint = await within(
      'the browser',
      new Promise<string>((resolve, reject) => {
        child.once('exit', (code) => reject(new Error(`the browser ended with ${code}`)))
        createInterface({ input: child.stderr }).on('line', (line) => {
          const [, address] = /^DevTools listening on (.*)$/.exec(line) ?? []
          if (address !== undefined) resolve(address)
        })
      })
    )
    // Without the defaults of tests, which keep every page active.
    this.#browser = await chromium.connectOverCDP(endpoint, { noDefaults: true })
    const [context] = this.#browser.contexts()
    if (context === undefined) throw new Error('the browser has no profile')
    return new Device(context, url)
  }

  /** Ends the browser; what is stored stays. */
  async stop(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return
    child.removeAllListeners('exit')
    const gone = new Promise((resolve) => child.once('exit', resolve))
    const cdp = await this.#browser?.newBrowserCDPSession()
    cdp?.send('Browser.close').catch(() => {})
    await within('the end of the browser', gone)
    await this.#browser?.close()
  }

  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}
