// Chromium with a profile of its own on the disk: a private window would keep IndexedDB in memory.

import { access, constants, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { chromium } from 'playwright-core'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
/** How long a browser may take to end, and a page to say that it is there. */
const CLOSE_TIMEOUT_MS = 20_000
const ANSWER_TIMEOUT_MS = 10_000

/** The path of the browser: that in `CHROMIUM`, or the first of some names on the PATH. */
export async function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const path = join(folder, name)
      if (await access(path, constants.X_OK).then(() => true, () => false)) return path
    }
  }
  throw new Error(`there is no Chromium on the PATH (${NAMES.join(', ')}): set CHROMIUM to its path`)
}

/** A new, empty profile; `remove` deletes it. */
export async function profile() {
  const folder = await mkdtemp(join(tmpdir(), 'kalamdb-bench-'))
  // What a browser that was killed still writes may come in between.
  return { folder, remove: () => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }) }
}

/**
 * A page of a browser that runs with this profile.
 * @param {string} executablePath
 * @param {string} folder of the profile
 * @param {string} url
 * @param {object} options
 * @param {AbortSignal} options.signal closes the browser
 * @param {string[]} [options.flags] of the browser
 * @param {(message: string) => void} [options.complained] called with each error that nobody caught in the page
 */
export async function openPage(executablePath, folder, url, { signal, flags = [], complained = (message) => console.error(`the page: ${message}`) }) {
  signal.throwIfAborted()
  // Playwright closes its browsers at a signal, and the process goes on without them: `run.mjs` has its own way to end.
  const signals = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false }
  const context = await chromium.launchPersistentContext(folder, { executablePath, headless: true, args: ['--no-sandbox', ...flags], ...signals })
  let closing
  const close = () => {
    signal.removeEventListener('abort', close)
    closing ??= Promise.race([context.close().catch(() => {}), sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })])
    return closing
  }
  signal.addEventListener('abort', close)
  let reason
  context.on('close', () => (reason ??= 'the browser ended'))
  try {
    signal.throwIfAborted()
    const page = await context.newPage()
    page.on('crash', () => (reason = 'the page crashed'))
    page.on('pageerror', (error) => complained(error.message))
    if (process.env.BENCH_CONSOLE) page.on('console', (message) => console.error(`the console: ${message.text()}`))
    await page.goto(url)
    const answers = () => Promise.race([page.evaluate(() => true).catch(() => false), sleep(ANSWER_TIMEOUT_MS, false, { ref: false })])
    return {
      page,
      version: context.browser()?.version() ?? 'unknown',
      /** Why the page can no longer be used, if it cannot. */
      lost: async () => ((await answers()) ? undefined : (reason ?? 'the page does not answer')),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
