/** How long a condition may take to come true. A busy machine is slow, and a test that waits in vain fails anyway. */
export const DEADLINE_MILLIS = 60_000
const LOOK_MILLIS = 25

/** Waits until `look` gives something that is not false or undefined, and gives it. */
export async function until<T>(
  what: string,
  look: () => T | false | undefined | Promise<T | false | undefined>,
  millis = DEADLINE_MILLIS
): Promise<T> {
  const deadline = Date.now() + millis
  for (;;) {
    const value = await look()
    if (value !== false && value !== undefined) return value
    if (Date.now() > deadline) throw new Error(`waited ${millis} ms in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MILLIS))
  }
}

/** The promise's value, or an error that says what did not come. */
export async function within<T>(what: string, promise: Promise<T>, millis = DEADLINE_MILLIS): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${millis} ms in vain for ${what}`)), millis)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
