import { useState } from 'react'
import { timed, useTimings } from '../database/timings'
import { useDemo } from '../database/useDemo'
import { clock, count, millis } from '../ui/format'
import { complain } from '../ui/toasts'

/** How long statements took, from the page to the rows in the page. */
export function TimingsPanel() {
  const db = useDemo()
  const timings = useTimings()
  const [isMeasuring, setIsMeasuring] = useState(false)
  const measure = async (): Promise<void> => {
    setIsMeasuring(true)
    try {
      const one = await db.sql<{ id: string }>`SELECT id FROM demo.notes LIMIT 1`.first()
      if (one !== undefined) await timed('read a note by its key', () => db.sql`SELECT title, likes FROM demo.notes WHERE id = ${one.id}`)
      await timed('filter, order, limit', () => db.sql`SELECT title FROM demo.notes WHERE stars >= ${3} ORDER BY created DESC LIMIT 20`)
      await timed('count all notes', () => db.sql`SELECT count(*) AS n FROM demo.notes`)
      await timed('read all notes', () => db.sql`SELECT id, title, topic, likes FROM demo.notes`)
    } catch (error) {
      complain(error)
    } finally {
      setIsMeasuring(false)
    }
  }
  return (
    <>
      <button type="button" className="button" disabled={isMeasuring} onClick={() => void measure()}>
        Measure some reads
      </button>
      {timings.length > 0 && (
        <div className="timings" tabIndex={0} role="region" aria-label="Timings">
          <table className="plain-table">
            <thead>
              <tr>
                <th scope="col">Statement</th>
                <th scope="col" className="number">
                  Rows
                </th>
                <th scope="col" className="number">
                  Time
                </th>
                <th scope="col" className="number">
                  At
                </th>
              </tr>
            </thead>
            <tbody>
              {timings.map(({ number, label, rows, ms, at }) => (
                <tr key={number}>
                  <th scope="row">{label}</th>
                  <td className="number">{count(rows)}</td>
                  <td className="number">{millis(ms)}</td>
                  <td className="number">{clock(at)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  )
}
