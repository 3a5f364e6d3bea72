import { KalamError, type Result } from 'kalamdb'
import { useState } from 'react'
import { timed } from '../database/timings'
import { useDemo } from '../database/useDemo'
import { textOf } from '../ui/toasts'
import type { Mark } from './Editor'
import { offsetOf } from './lex'

export type ConsoleRow = Record<string, unknown>

/** What came of the last text that was run. */
export type Outcome =
  | { readonly state: 'none' }
  | { readonly state: 'running'; readonly since: number }
  | { readonly state: 'rows'; readonly text: string; readonly result: Result<ConsoleRow>; readonly ms: number }
  | { readonly state: 'error'; readonly message: string; readonly mark: Mark | undefined; readonly column: number | undefined }

export interface Console {
  readonly outcome: Outcome
  readonly run: (text: string, isExplained?: boolean) => Promise<void>
  /** The error does not fit the text any more. */
  readonly changed: () => void
}

const EXPLAIN = 'EXPLAIN '
/** Characters of a text by which its time is listed. */
const LABEL_MAX = 80

/** Runs texts, one after the other. */
export function useConsole(): Console {
  const db = useDemo()
  const [outcome, setOutcome] = useState<Outcome>({ state: 'none' })
  const run = async (text: string, isExplained = false): Promise<void> => {
    setOutcome({ state: 'running', since: Date.now() })
    try {
      const line = text.trim().replace(/\s+/g, ' ')
      const label = line.length > LABEL_MAX ? `${line.slice(0, LABEL_MAX - 1)}…` : line
      const { result, ms } = await timed(label, () => db.query<ConsoleRow>(isExplained ? EXPLAIN + text : text))
      setOutcome({ state: 'rows', text, result, ms })
    } catch (error) {
      setOutcome({ state: 'error', message: textOf(error), ...placeOf(error, text, isExplained) })
    }
  }
  const changed = (): void => setOutcome((before) => (before.state === 'error' && before.mark !== undefined ? { ...before, mark: undefined } : before))
  return { outcome, run, changed }
}

function placeOf(error: unknown, text: string, isExplained: boolean): { mark: Mark | undefined; column: number | undefined } {
  if (!(error instanceof KalamError) || error.line === undefined) return { mark: undefined, column: undefined }
  const { line } = error
  const column = Math.max(1, (error.column ?? 1) - (isExplained && line === 1 ? EXPLAIN.length : 0))
  return { mark: { at: offsetOf(text, line, column), line }, column }
}
