import { useEffect, useRef, useState } from 'react'

/** How long after the last key a text is saved. */
const SAVE_MILLIS = 400

/** A text that is being edited. */
export interface Draft {
  readonly value: string
  readonly set: (value: string) => void
  /** Saves now what is not saved yet. */
  readonly flush: () => void
}

/** What is typed shows at once and is saved soon after; what others write shows while nothing is being typed. */
export function useDraft(saved: string, save: (value: string) => void): Draft {
  const [draft, setDraft] = useState<string>()
  const pending = useRef<{ value: string; timer: ReturnType<typeof setTimeout> } | undefined>(undefined)
  const saver = useRef(save)
  saver.current = save
  const flush = (): void => {
    if (pending.current === undefined) return
    const { value, timer } = pending.current
    clearTimeout(timer)
    pending.current = undefined
    saver.current(value)
  }
  const flusher = useRef(flush)
  flusher.current = flush
  useEffect(() => () => flusher.current(), [])
  useEffect(() => {
    if (pending.current === undefined) setDraft(undefined)
  }, [saved])
  const set = (value: string): void => {
    setDraft(value)
    if (pending.current !== undefined) clearTimeout(pending.current.timer)
    pending.current = { value, timer: setTimeout(() => flusher.current(), SAVE_MILLIS) }
  }
  return { value: draft ?? saved, set, flush }
}
