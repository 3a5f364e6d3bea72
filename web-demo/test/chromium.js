import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromium } from 'playwright-core'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/**
 * Starts the Chromium that `CHROMIUM` names, or the first one in `PATH`.
 * @returns {Promise<import('playwright-core').Browser>}
 */
export async function launch() {
  const executablePath = process.env.CHROMIUM ?? found()
  try {
    return await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
  } catch (error) {
    // The rest of the message is a log of many lines.
    const [why] = String(error).split('\n')
    throw new Error(`${executablePath} does not start as a browser (${why}): name the file of a Chromium with CHROMIUM`)
  }
}

function found() {
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
