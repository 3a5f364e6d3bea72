import { useState } from 'react'

const KEY = 'kalamdb-demo.history'
/** Texts that are remembered. */
const TEXTS_MAX = 50
/** A text beyond this many characters is not remembered. */
const CHARACTERS_MAX = 10_000

/** What was run in the console, the newest first. */
export interface History {
  readonly texts: readonly string[]
  readonly add: (text: string) => void
  readonly clear: () => void
}

export function useHistory(): History {
  const [texts, setTexts] = useState(read)
  const set = (next: readonly string[]): void => {
    localStorage.setItem(KEY, JSON.stringify(next))
    setTexts(next)
  }
  return {
    texts,
    add: (text) => {
      if (text.length <= CHARACTERS_MAX) set([text, ...texts.filter((of) => of !== text)].slice(0, TEXTS_MAX))
    },
    clear: () => set([])
  }
}

function read(): readonly string[] {
  try {
    const saved: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    return Array.isArray(saved) ? saved.filter((text) => typeof text === 'string') : []
  } catch {
    return []
  }
}
