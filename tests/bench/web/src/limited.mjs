// A limit for everything that an engine does: one that hangs must not stop the others.

/** Milliseconds for one step of one engine. */
export const STEP_TIMEOUT_MS = 240_000

/** A step does not end. */
export class Hangs extends Error {}

/**
 * The value of a promise.
 * @template T
 * @param {Promise<T>} promise
 * @param {string} what for the error
 * @throws {Hangs} once the limit is over
 */
export async function limited(promise, what) {
  let timer
  const over = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Hangs(`${what}: no end after ${STEP_TIMEOUT_MS / 1_000} s`)), STEP_TIMEOUT_MS)
  })
  try {
    return await Promise.race([promise, over])
  } finally {
    clearTimeout(timer)
  }
}

/** An error as one line. */
export const oneLine = (error) => String(error?.message ?? error).split('\n')[0].replace(/^page\.evaluate: (Error: )?/, '')
