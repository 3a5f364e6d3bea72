/** What is there at once, or later. Most statements are answered at once, and then the next one need not wait. @internal */
export type Soon<T> = T | Promise<T>

/** Goes on with a value when it is there. */
export function next<T, U>(value: Soon<T>, then: (value: T) => Soon<U>): Soon<U> {
  return value instanceof Promise ? value.then(then) : then(value)
}

/** Runs steps one after another; at once if all of them answer at once. */
export function inOrder<T>(steps: readonly (() => Soon<T>)[], done: T[] = []): Soon<T[]> {
  for (let at = done.length; at < steps.length; at++) {
    const value = (steps[at] as () => Soon<T>)()
    if (value instanceof Promise) return value.then((late) => inOrder(steps, [...done, late]))
    done.push(value)
  }
  return done
}

/** Runs work and tells how it ended. */
export function settle<T>(work: () => Soon<T>, done: (value: T) => void, failed: (error: unknown) => void): void {
  try {
    const value = work()
    if (value instanceof Promise) value.then(done).catch(failed)
    else done(value)
  } catch (error) {
    failed(error)
  }
}

/** Runs work and, however it ends, something after it. */
export function lastly<T>(work: () => Soon<T>, after: () => void): Soon<T> {
  let value: Soon<T>
  try {
    value = work()
  } catch (error) {
    after()
    throw error
  }
  if (value instanceof Promise) return value.finally(after)
  after()
  return value
}
