import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** Starts the Chromium that `CHROMIUM` names, or the first one in `PATH`. */
export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? found(), args: ['--no-sandbox'] })
}

function found(): string {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const file = join(folder, name)
      try {
        accessSync(file, constants.X_OK)
        return file
      } catch {
        // It may be in the next folder.
      }
    }
  }
  throw new Error(`there is no Chromium in PATH: install one of ${NAMES.join(', ')}, or name its file with CHROMIUM`)
}
