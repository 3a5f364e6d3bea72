import { useSyncStatus } from 'kalamdb/react'
import type { Account } from '../session/account'
import { count } from '../ui/format'
import { FlightsCharts } from './FlightsCharts'
import { Missing } from './Missing'
import { useFlights } from './useFlights'

/** The flights of an airline, counted and averaged on this device. */
export default function FlightsPage({ account }: { readonly account: Account }) {
  const flights = useFlights()
  const status = useSyncStatus()
  const isArriving = status?.state === 'snapshot' || status?.state === 'catching_up'
  return (
    <div className="flights">
      <div className="page-head">
        <h1 id="page-title">Flights</h1>
        {flights.state === 'there' && (
          <p className="quiet" role="status">
            {count(flights.rows)} flights of 2013 on this device{isArriving ? ', more are coming …' : ''}
          </p>
        )}
      </div>
      {flights.state === 'loading' && <p className="quiet">Looking for the flights …</p>}
      {(flights.state === 'missing' || (flights.state === 'there' && flights.rows === 0)) && <Missing hasServer={account.url !== null} isArriving={isArriving} />}
      {flights.state === 'there' && flights.rows > 0 && <FlightsCharts version={flights.rows} />}
    </div>
  )
}
