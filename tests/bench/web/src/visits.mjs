// Visits: each engine alone, first in an empty profile, then again in the same one, each time in a browser that was
// started anew, so that what is left of the first visit is what the browser stored.

import { openPage, profile } from './browser.mjs'
import { limited, oneLine } from './limited.mjs'
import { sizes } from './sizes.mjs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Visits of one profile; the code cache is written during the first ones. */
const VISITS = 4
/** How long a visitor stays: the browser writes compiled code to its cache some time after it became hot. */
const STAY_MS = 3_000

/**
 * Visits with one engine.
 * @returns {Promise<object>} bytes: {first, join} each {raw, gzip, brotli, files}; visits: [{ms, code, open, query}]
 */
export async function visits(executablePath, files, engine, signal) {
  const { folder, remove } = await profile()
  const result = { bytes: undefined, visits: [] }
  try {
    for (let visit = 0; visit < VISITS; visit++) {
      const { page, close } = await openPage(executablePath, folder, `${files.url}/visit.html`, { signal })
      try {
        files.taken() // the page itself is not the engine's
        result.visits.push(await limited(page.evaluate((name) => globalThis.visit.first(name), engine), 'first query'))
        const first = new Map(files.taken())
        await limited(page.evaluate(() => globalThis.visit.warmUp()), 'warm-up')
        let join = true
        await limited(page.evaluate(() => globalThis.visit.join()), 'join').catch((error) => {
          join = oneLine(error)
        })
        if (visit === 0) {
          result.bytes = { first: await sizes(first.values()), join: await sizes(new Map([...first, ...files.taken()]).values()) }
          if (join !== true) result.joinFailed = join
        }
        if (visit + 1 < VISITS) await sleep(STAY_MS)
        await page.evaluate(() => globalThis.visit.close())
      } finally {
        await close()
      }
    }
  } finally {
    await remove()
  }
  return result
}
