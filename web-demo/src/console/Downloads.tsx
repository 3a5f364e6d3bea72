import type { Result } from 'kalamdb'
import { useDemo } from '../database/useDemo'
import { Icon } from '../ui/Icon'
import { complain } from '../ui/toasts'
import { save, toCsv, toJson } from './cells'
import type { ConsoleRow } from './useConsole'

/** Saves the rows as a file. */
export function Downloads({ result, text }: { readonly result: Result<ConsoleRow>; readonly text: string }) {
  const db = useDemo()
  const names = result.columns.map(({ name }) => name)
  // The rows here are JavaScript's: for Arrow the query runs again.
  const arrow = (): void => void db.query(text).arrow().then((bytes) => save('result.arrows', 'application/vnd.apache.arrow.stream', bytes), complain)
  return (
    <div className="row downloads" role="group" aria-label="Download">
      <button type="button" className="button button-small" onClick={() => save('result.csv', 'text/csv', toCsv(names, result))}>
        <Icon name="download" />
        CSV
      </button>
      <button type="button" className="button button-small" onClick={() => save('result.json', 'application/json', toJson(result))}>
        <Icon name="download" />
        JSON
      </button>
      {result.tag === 'SELECT' && (
        <button type="button" className="button button-small" onClick={arrow}>
          <Icon name="download" />
          Arrow
        </button>
      )}
    </div>
  )
}
