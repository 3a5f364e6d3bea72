import { KalamError } from 'kalamdb'
import { sentence } from './format'

/** A message that stands at the edge of the page for a while. */
export interface Toast {
  readonly number: number
  readonly tone: 'error' | 'info'
  readonly text: string
}

/** Messages that stand at once; older ones give way. */
const TOASTS_MAX = 4
const INFO_MILLIS = 4_000
const ERROR_MILLIS = 12_000

let toasts: readonly Toast[] = []
let last = 0
const listeners = new Set<() => void>()

function set(next: readonly Toast[]): void {
  toasts = next
  for (const listener of listeners) listener()
}

export const currentToasts = (): readonly Toast[] => toasts

export function subscribeToasts(listener: () => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

export function dismissToast(number: number): void {
  set(toasts.filter((toast) => toast.number !== number))
}

function show(tone: Toast['tone'], text: string): void {
  // The same trouble over and over is told once.
  const others = toasts.filter((toast) => toast.text !== text)
  const toast = { number: ++last, tone, text }
  set([...others, toast].slice(-TOASTS_MAX))
  setTimeout(() => dismissToast(toast.number), tone === 'error' ? ERROR_MILLIS : INFO_MILLIS)
}

export const tell = (text: string): void => show('info', text)

/** Shows what went wrong. */
export const complain = (error: unknown): void => show('error', textOf(error))

/** What to say of an error. */
export function textOf(error: unknown): string {
  if (error instanceof KalamError) return `${sentence(error.message)} (${error.code})`
  return error instanceof Error ? sentence(error.message) : String(error)
}
