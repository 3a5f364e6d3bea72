import { useState } from 'react'
import type { Demo } from '../database/schema'
import { complain } from '../ui/toasts'
import { begin, editApart, reconnect } from './example'

interface Step {
  readonly label: string
  readonly run: (a: Demo, b: Demo) => Promise<void>
  /** What is seen afterwards. */
  readonly outcome: string
}

const STEPS: readonly Step[] = [
  { label: 'Begin with three rows', run: begin, outcome: 'Both devices and the server have the same three rows.' },
  {
    label: 'Go offline, edit on both',
    run: editApart,
    outcome: 'The laptop changed the price of the tea, added 2 loaves and deleted the lamp. The phone wrote a remark on the tea, added 3 loaves and a remark on the lamp. What differs is marked; what waits has a dot.'
  },
  {
    label: 'Connect both again',
    run: reconnect,
    outcome: 'Both edits of the tea hold, 2 and 3 loaves are 5, and the lamp is gone: the phone’s remark on it was refused, and is listed there.'
  }
]

/** An example that plays itself, step by step. */
export function Example({ a, b }: { readonly a: Demo; readonly b: Demo }) {
  const [done, setDone] = useState(0)
  const [running, setRunning] = useState<number>()
  const run = async (at: number): Promise<void> => {
    setRunning(at)
    try {
      await STEPS[at]?.run(a, b)
      setDone(at + 1)
    } catch (error) {
      complain(error)
    } finally {
      setRunning(undefined)
    }
  }
  return (
    <section className="example" aria-label="Example">
      <ol>
        {STEPS.map(({ label }, at) => (
          <li key={label}>
            <button type="button" className={at === done % STEPS.length ? 'button button-main' : 'button'} disabled={running !== undefined} aria-busy={running === at} onClick={() => void run(at)}>
              {at + 1}. {label}
            </button>
          </li>
        ))}
      </ol>
      <p className="quiet" role="status">
        {running !== undefined ? 'Working …' : done === 0 ? 'Edit below as you like, or follow the three steps.' : STEPS[done - 1]?.outcome}
      </p>
    </section>
  )
}
