import { useSyncExternalStore } from 'react'

export const PAGES = ['notes', 'flights', 'devices', 'console', 'inspector'] as const
export type Page = (typeof PAGES)[number]

/** The page that the address names behind `#/`; the first one if it names none. */
export const usePage = (): Page => useSyncExternalStore(subscribe, currentPage)

export const addressOf = (page: Page): string => `#/${page}`

function currentPage(): Page {
  const name = location.hash.replace(/^#\/?/, '').replace(/\?.*$/, '')
  return PAGES.find((page) => page === name) ?? 'notes'
}

/** The address of the console with a text in it. */
export const consoleAddress = (text: string): string => `${addressOf('console')}?${new URLSearchParams({ sql: text }).toString()}`

/** The text that the console was opened with. */
export const textOfAddress = (): string | null => new URLSearchParams(location.hash.replace(/^[^?]*\??/, '')).get('sql')

function subscribe(listener: () => void): () => void {
  addEventListener('hashchange', listener)
  return () => removeEventListener('hashchange', listener)
}
