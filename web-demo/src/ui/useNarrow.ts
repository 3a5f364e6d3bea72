import { useSyncExternalStore } from 'react'

const query = matchMedia('(max-width: 900px)')

/** Whether there is room for one column only. */
export const useNarrow = (): boolean =>
  useSyncExternalStore(
    (listener) => {
      query.addEventListener('change', listener)
      return () => query.removeEventListener('change', listener)
    },
    () => query.matches
  )
