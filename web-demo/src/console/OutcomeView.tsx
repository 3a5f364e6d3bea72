import { counted, millis } from '../ui/format'
import { Message } from '../ui/Message'
import { Downloads } from './Downloads'
import { ResultGrid } from './ResultGrid'
import type { ConsoleRow, Outcome } from './useConsole'

/** What came of the text: rows, a plan, a count, or what is wrong and where. */
export function OutcomeView({ outcome, onPlace }: { readonly outcome: Outcome; readonly onPlace: (at: number) => void }) {
  switch (outcome.state) {
    case 'none':
      return <p className="empty">Run a text to see its rows. It runs on this device, with or without a network.</p>
    case 'running':
      return (
        <p className="quiet outcome-line" role="status">
          Running …
        </p>
      )
    case 'error': {
      const { mark, column, message } = outcome
      return (
        <div className="problem outcome-line" role="alert">
          <p>
            <Message text={message} />
          </p>
          {mark !== undefined && (
            <button type="button" className="link" onClick={() => onPlace(mark.at)}>
              Go to line {mark.line}, column {column}
            </button>
          )}
        </div>
      )
    }
    case 'rows': {
      const { result, ms, text } = outcome
      return (
        <section className="outcome" aria-label="Outcome">
          <div className="row outcome-line">
            <p role="status">
              {result.columns.length > 0 ? counted(result.length, 'row') : `${result.tag}${result.affected > 0 ? `, ${counted(result.affected, 'row')} written` : ''}`} <span className="quiet">in {millis(ms)}</span>
            </p>
            {result.columns.length > 0 && <Downloads result={result} text={text} />}
          </div>
          {result.tag.startsWith('EXPLAIN') ? <Plan rows={result} columns={result.columns.map(({ name }) => name)} /> : result.columns.length > 0 && <ResultGrid columns={result.columns} rows={result} />}
        </section>
      )
    }
  }
}

function Plan({ rows, columns }: { readonly rows: readonly ConsoleRow[]; readonly columns: readonly string[] }) {
  const [name = '', plan = ''] = columns
  return (
    <dl className="plan">
      {rows.map((row, at) => (
        <div key={at}>
          <dt>{String(plan === '' ? 'plan' : row[name])}</dt>
          <dd>
            <pre tabIndex={0}>{String(plan === '' ? row[name] : row[plan])}</pre>
          </dd>
        </div>
      ))}
    </dl>
  )
}
