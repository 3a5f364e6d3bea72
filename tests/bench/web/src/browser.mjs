// Chromium with a profile of its own on the disk: a private window would keep IndexedDB in memory.

import { access, constants, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { chromium } from 'playwright-core'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

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
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
}

/**
 * A page of a browser that runs with this profile.
 * @param {string} executablePath
 * @param {string} folder of the profile
 * @param {string} url
 */
export async function openPage(executablePath, folder, url) {
  const context = await chromium.launchPersistentContext(folder, { executablePath, headless: true, args: ['--no-sandbox'] })
  const page = await context.newPage()
  page.on('pageerror', (error) => console.error(`the page: ${error.message}`))
  if (process.env.BENCH_CONSOLE) page.on('console', (message) => console.error(`the console: ${message.text()}`))
  await page.goto(url)
  return { page, version: context.browser()?.version() ?? 'unknown', close: () => context.close() }
}
