// Visits: each engine alone, first in an empty profile, then again in the same one, each time in a browser that was
// started anew, so that what is left of the first visit is what the browser stored.

import { openPage, profile } from './browser.mjs'
import { limited, oneLine } from './limited.mjs'
import { sizes } from './sizes.mjs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Visits of one profile. During the first ones the engine is used for a while, so that its code becomes hot. */
const VISITS = 9
export const LONG_VISITS = 2
/** How long a visitor stays after the code became hot: longer than the browser waits before it keeps compiled code. */
const STAY_MS = 3_000
/**
 * Has the browser keep compiled code as soon as it is hot. By itself it does so two seconds later, by a timer that was not seen to
 * run in Chromium 156 without a window: after 40 idle seconds its cache was empty, unless a megabyte had become hot at once.
 */
const KEEPS_CODE = ['--js-flags=--wasm-caching-timeout-ms=0']

/**
 * Visits with one engine: in one profile as browsers are, in another one with a browser that is sure to keep compiled code.
 * @returns {Promise<object>} bytes: {first, join} each {raw, gzip, brotli, files}; visits and cached: [{ms, code, open, query,
 *   kept}], of which `kept` is the size of WebAssembly code in the browser's cache before the visit
 */
export async function visits(executablePath, files, engine, signal) {
  const { bytes, joinFailed, visits } = await inProfile(executablePath, files, engine, { signal })
  const { visits: cached } = await inProfile(executablePath, files, engine, { signal, flags: KEEPS_CODE })
  return { bytes, ...(joinFailed === undefined ? {} : { joinFailed }), visits, cached }
}

async function inProfile(executablePath, files, engine, options) {
  const { folder, remove } = await profile()
  const result = { bytes: undefined, visits: [] }
  try {
    for (let visit = 0; visit < VISITS; visit++) {
      const kept = await bytesOf(join(folder, CODE_CACHE))
      const { page, close } = await openPage(executablePath, folder, `${files.url}/visit.html`, options)
      try {
        files.taken() // the page itself is not the engine's
        const first = await limited(page.evaluate((name) => globalThis.visit.first(name), engine), 'first query')
        result.visits.push({ ...first, kept })
        const taken = new Map(files.taken())
        if (visit < LONG_VISITS) {
          await limited(page.evaluate(() => globalThis.visit.warmUp()), 'warm-up')
          let joined = true
          await limited(page.evaluate(() => globalThis.visit.join()), 'join').catch((error) => {
            joined = oneLine(error)
          })
          if (visit === 0) {
            result.bytes = { first: await sizes(taken.values()), join: await sizes(new Map([...taken, ...files.taken()]).values()) }
            if (joined !== true) result.joinFailed = joined
          }
          await sleep(STAY_MS)
        }
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

/** Where Chromium keeps compiled WebAssembly, in its profile. */
const CODE_CACHE = 'Default/Code Cache/wasm'

/** The size of the files of a folder that may be absent. */
async function bytesOf(folder) {
  const names = await readdir(folder).catch(() => [])
  const files = await Promise.all(names.map((name) => stat(join(folder, name))))
  return files.filter((file) => file.isFile()).reduce((sum, { size }) => sum + size, 0)
}
