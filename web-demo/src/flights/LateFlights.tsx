import { useLiveQuery } from 'kalamdb/react'
import { useDemo } from '../database/useDemo'
import { count, date } from '../ui/format'
import { Message } from '../ui/Message'
import { complain, textOf } from '../ui/toasts'
import { type LateFlight, latest, type Selection } from './queries'

/** The flights that came latest, live. A complaint is counted here and on all other devices. */
export function LateFlights({ selection }: { readonly selection: Selection }) {
  const db = useDemo()
  const { rows, status, error } = useLiveQuery<LateFlight>(latest(selection))
  const complainOf = ({ time_hour, flight, carrier }: LateFlight): void => {
    const write = db.sql`
      UPDATE app.flights SET complaints = complaints + 1
      WHERE time_hour = ${time_hour} AND flight = ${flight} AND carrier = ${carrier}`
    write.catch(complain)
  }
  return (
    <section className="card" aria-labelledby="late-title">
      <div className="card-head">
        <h2 id="late-title">Came latest</h2>
        <span className="quiet">live</span>
      </div>
      {status === 'error' ? (
        <p className="problem" role="alert">
          <Message text={textOf(error)} />
        </p>
      ) : (
        <table className="plain-table">
          <thead>
            <tr>
              <th scope="col">Flight</th>
              <th scope="col">Day</th>
              <th scope="col">Route</th>
              <th scope="col" className="number">
                Late
              </th>
              <th scope="col" className="number">
                Complaints
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.time_hour.getTime()} ${row.carrier} ${row.flight}`}>
                <th scope="row">
                  {row.carrier} {row.flight}
                </th>
                <td>{date(row.time_hour)}</td>
                <td>
                  {row.origin}–{row.dest}
                </td>
                <td className="number">{count(row.arr_delay)} min</td>
                <td className="number">
                  <button type="button" className="button button-small" aria-label={`Complain about ${row.carrier} ${row.flight}, ${row.complaints} so far`} onClick={() => complainOf(row)}>
                    {count(row.complaints)} +
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
