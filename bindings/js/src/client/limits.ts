/** Waits for a promise that never rejects, but not for ever. @internal */
export function withinMillis(promise: Promise<void>, millis: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, millis)
    void promise.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
