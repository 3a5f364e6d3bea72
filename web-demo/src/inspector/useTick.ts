import { useEffect, useState } from 'react'

/** Renders again now and then: some of what the inspector shows does not tell when it changes. */
export function useTick(everyMillis: number): number {
  const [tick, setTick] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => setTick((last) => last + 1), everyMillis)
    return () => clearInterval(timer)
  }, [everyMillis])
  return tick
}
