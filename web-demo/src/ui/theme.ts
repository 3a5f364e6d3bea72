import { useSyncExternalStore } from 'react'

/** Whether colours follow the system or stay light or dark. */
export type Theme = 'system' | 'light' | 'dark'

const KEY = 'kalamdb-demo.theme'
const listeners = new Set<() => void>()
let theme: Theme = read()

function read(): Theme {
  const saved = localStorage.getItem(KEY)
  return saved === 'light' || saved === 'dark' ? saved : 'system'
}

function apply(): void {
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
}

apply()

export function setTheme(next: Theme): void {
  theme = next
  localStorage.setItem(KEY, next)
  apply()
  for (const listener of listeners) listener()
}

export function useTheme(): Theme {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    () => theme
  )
}
