import type { Fragment } from 'kalamdb'
import type { ReactNode } from 'react'
import { consoleAddress } from '../app/router'
import { millis } from '../ui/format'
import { Message } from '../ui/Message'
import { textOf } from '../ui/toasts'
import { type Bar, ColumnChart } from './ColumnChart'
import { plainText } from './queries'
import { RankChart } from './RankChart'
import type { TimedRows } from './useTimedQuery'

interface ChartCardProps {
  readonly title: string
  /** What the columns of the table are called. */
  readonly heads: readonly [string, string]
  readonly query: Fragment<unknown>
  readonly answer: TimedRows<unknown>
  readonly bars: readonly Bar[]
  readonly isRanked?: boolean
  readonly children?: ReactNode
}

/** A chart with the query that it came from and the time that took. */
export function ChartCard({ title, heads, query, answer, bars, isRanked = false, children }: ChartCardProps) {
  return (
    <figure className="card" aria-busy={answer.status === 'loading'}>
      <figcaption className="card-head">
        <h2>{title}</h2>
        {children}
      </figcaption>
      {answer.status === 'error' ? (
        <p className="problem" role="alert">
          <Message text={textOf(answer.error)} />
        </p>
      ) : (
        <div className={answer.status === 'loading' ? 'stale' : undefined}>
          {isRanked ? <RankChart bars={bars} /> : <ColumnChart bars={bars} />}
          <ChartTable title={title} heads={heads} bars={bars} />
        </div>
      )}
      <details className="card-foot">
        <summary>{answer.ms === undefined ? 'SQL' : `SQL, ${millis(answer.ms)} on this device`}</summary>
        <pre tabIndex={0}>{plainText(query).trim()}</pre>
        <a href={consoleAddress(plainText(query).trim())}>Open in the console</a>
      </details>
    </figure>
  )
}

function ChartTable({ title, heads, bars }: Pick<ChartCardProps, 'title' | 'heads' | 'bars'>) {
  return (
    <table className="hidden">
      <caption>{title}</caption>
      <thead>
        <tr>
          <th scope="col">{heads[0]}</th>
          <th scope="col">{heads[1]}</th>
        </tr>
      </thead>
      <tbody>
        {bars.map(({ label, text }) => (
          <tr key={label}>
            <th scope="row">{label}</th>
            <td>{text}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
