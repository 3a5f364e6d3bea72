import { useState } from 'react'
import { note } from '../database/timings'
import { useDemo } from '../database/useDemo'
import { count, millis } from '../ui/format'
import { complain, tell } from '../ui/toasts'
import { insertSamples } from './samples'

const SAMPLES = 5_000

/** Fills the list, to see that it stays fast. */
export function SampleButton() {
  const db = useDemo()
  const [inserted, setInserted] = useState<number>()
  const run = async (): Promise<void> => {
    const began = performance.now()
    setInserted(0)
    try {
      await insertSamples(db, SAMPLES, setInserted)
      await db.persisted()
      const ms = performance.now() - began
      note(`insert ${count(SAMPLES)} sample notes, on disk`, ms, SAMPLES)
      tell(`${count(SAMPLES)} notes were written and are on disk after ${millis(ms)}.`)
    } catch (error) {
      complain(error)
    } finally {
      setInserted(undefined)
    }
  }
  return (
    <button type="button" className="button" disabled={inserted !== undefined} onClick={() => void run()}>
      {inserted === undefined ? `Create ${count(SAMPLES)} samples` : `${count(inserted)} of ${count(SAMPLES)} …`}
    </button>
  )
}
