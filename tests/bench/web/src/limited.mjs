// A limit for everything that an engine does: one that hangs must not stop the others.

/** Milliseconds for one step of one engine. */
export const STEP_TIMEOUT_MS = 240_000

/**
 * The value of a promise, or an error once the limit is over.
 * @template T
 * @param {Promise<T>} promise
 * @param {string} what for the error
 */
export async function limited(promise, what) {
  let timer
  const over = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no end after ${STEP_TIMEOUT_MS / 1_000} s`)), STEP_TIMEOUT_MS)
  })
  try {
    return await Promise.race([promise, over])
  } finally {
    clearTimeout(timer)
  }
}

/** An error as one line. */
export const oneLine = (error) => String(error?.message ?? error).split('\n')[0].replace(/^page\.evaluate: (Error: )?/, '')
