import type { Bar } from './ColumnChart'

/** Bars below each other, with their values. */
export function RankChart({ bars }: { readonly bars: readonly Bar[] }) {
  const most = Math.max(1, ...bars.map(({ value }) => Math.abs(value)))
  return (
    <ol className="rank" aria-hidden="true">
      {bars.map(({ label, value, text }) => (
        <li key={label}>
          <span className="rank-label">{label}</span>
          <span className="rank-track">
            <span className={value < 0 ? 'rank-bar rank-below' : 'rank-bar'} style={{ width: `${(100 * Math.abs(value)) / most}%` }} />
          </span>
          <span className="rank-text">{text}</span>
        </li>
      ))}
    </ol>
  )
}
