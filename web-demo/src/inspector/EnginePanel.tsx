import { useState } from 'react'
import { useDemo } from '../database/useDemo'
import { bytes, millis } from '../ui/format'
import { complain } from '../ui/toasts'
import { Facts } from './Facts'
import { useTick } from './useTick'

const WHAT = { engine: 'Small engine', query: 'Query module' } as const

/** Which WebAssembly is loaded, and which tab has the engine. */
export function EnginePanel() {
  const db = useDemo()
  useTick(1_000)
  const [isLoading, setIsLoading] = useState(false)
  const { role, id } = db.tabs
  const load = async (): Promise<void> => {
    setIsLoading(true)
    await db.loadQueryModule().catch(complain)
    setIsLoading(false)
  }
  return (
    <>
      <Facts facts={[['This tab', role === 'leader' ? 'has the engine' : 'asks the tab that has the engine'], ['Its name', <code key="tab">{id}</code>]]} />
      <h3>Modules</h3>
      <table className="plain-table">
        <thead>
          <tr>
            <th scope="col">Module</th>
            <th scope="col" className="number">
              Size
            </th>
            <th scope="col" className="number">
              Loaded in
            </th>
          </tr>
        </thead>
        <tbody>
          {db.modules.map(({ name, bytes: size, ms }) => (
            <tr key={name}>
              <th scope="row">{WHAT[name]}</th>
              <td className="number">{size === 0 ? '–' : bytes(size)}</td>
              <td className="number">{millis(ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {!db.modules.some(({ name }) => name === 'query') && (
        <>
          <p className="quiet">The query module comes with the first query that joins, uses more functions, or reads many rows for a few.</p>
          <button type="button" className="button" disabled={isLoading} onClick={() => void load()}>
            {isLoading ? 'Loading …' : 'Load it now, for offline'}
          </button>
        </>
      )}
    </>
  )
}
