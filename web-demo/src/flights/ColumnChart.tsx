import { useWidth } from '../ui/useWidth'
import { scaleOf } from './scale'

export interface Bar {
  readonly label: string
  readonly value: number
  /** The value as it is read. */
  readonly text: string
}

const HEIGHT = 190
const LEFT = 48
const BOTTOM = 24
const TOP = 8
/** Pixels that a label needs. */
const LABEL = 30

/** Columns in a given order. Screen readers get the table of {@link ChartTable} instead. */
export function ColumnChart({ bars }: { readonly bars: readonly Bar[] }) {
  const [element, width] = useWidth<HTMLDivElement>()
  const { ticks, y } = scaleOf(bars.map(({ value }) => value), HEIGHT - BOTTOM - TOP)
  const step = bars.length === 0 ? 0 : (width - LEFT) / bars.length
  const wide = Math.max(1, Math.min(44, step * 0.72))
  const every = Math.max(1, Math.ceil(LABEL / Math.max(1, step)))
  return (
    <div className="chart" ref={element} aria-hidden="true">
      {width > 0 && (
        <svg width={width} height={HEIGHT}>
          <g transform={`translate(0 ${TOP})`}>
            {ticks.map((tick) => (
              <g key={tick} className={tick === 0 ? 'tick tick-zero' : 'tick'}>
                <line x1={LEFT} x2={width} y1={y(tick)} y2={y(tick)} />
                <text x={LEFT - 8} y={y(tick) + 4} textAnchor="end">
                  {tick >= 10_000 ? `${tick / 1000}k` : tick.toLocaleString('en-GB')}
                </text>
              </g>
            ))}
            {bars.map(({ label, value, text }, at) => {
              const x = LEFT + at * step + (step - wide) / 2
              return (
                <g key={label} className={value < 0 ? 'bar bar-below' : 'bar'}>
                  <title>{`${label}: ${text}`}</title>
                  <rect x={x} width={wide} y={Math.min(y(0), y(value))} height={Math.max(1, Math.abs(y(value) - y(0)))} rx={2} />
                  {at % every === 0 && (
                    <text x={x + wide / 2} y={HEIGHT - TOP - 8} textAnchor="middle">
                      {label}
                    </text>
                  )}
                </g>
              )
            })}
          </g>
        </svg>
      )}
    </div>
  )
}
