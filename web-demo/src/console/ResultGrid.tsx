import type { Column } from 'kalamdb'
import { useMemo, useRef } from 'react'
import { useVirtual } from '../ui/useVirtual'
import { cellText } from './cells'

interface ResultGridProps {
  readonly columns: readonly Column[]
  readonly rows: readonly Record<string, unknown>[]
}

/** As in the style sheet. */
const ROW_PIXELS = 30
/** Rows that are looked at to find the width of a column, and its bounds in characters. */
const SAMPLE = 60
const WIDTH_MIN = 6
const WIDTH_MAX = 44
/** A longer value is cut off in its cell. */
const CELL_CHARACTERS_MAX = 300

const NUMBERS = new Set(['SMALLINT', 'INT', 'BIGINT', 'REAL', 'DOUBLE', 'DECIMAL', 'COUNTER'])

/** Rows of a query, of any number: only those that are seen are rendered. */
export function ResultGrid({ columns, rows }: ResultGridProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const { first, end, height } = useVirtual(scroller, rows.length, ROW_PIXELS, ROW_PIXELS)
  const widths = useMemo(() => columns.map((column) => widthOf(column, rows)), [columns, rows])
  const template = { gridTemplateColumns: widths.map((width) => `${width}ch`).join(' ') }
  return (
    <div className="result-grid" role="region" aria-label="Result" tabIndex={0} ref={scroller}>
      <div role="table" aria-label="Rows" aria-rowcount={rows.length + 1} aria-colcount={columns.length} className="result-table">
        <div role="rowgroup" className="result-head">
          <div role="row" className="result-row" style={template} aria-rowindex={1}>
            {columns.map(({ name, type }, at) => (
              <span role="columnheader" key={`${at} ${name}`} className={NUMBERS.has(type) ? 'number' : undefined} title={`${name}: ${type}`}>
                {name} <small>{type.toLowerCase()}</small>
              </span>
            ))}
          </div>
        </div>
        <div role="rowgroup" style={{ height, position: 'relative' }}>
          {rows.slice(first, end).map((row, at) => (
            <div role="row" key={first + at} className="result-row result-place" aria-rowindex={first + at + 2} style={{ ...template, top: (first + at) * ROW_PIXELS }}>
              {columns.map(({ name, type }, column) => (
                <Cell key={column} value={row[name]} isNumber={NUMBERS.has(type)} />
              ))}
            </div>
          ))}
        </div>
      </div>
    </div>
  )
}

function Cell({ value, isNumber }: { readonly value: unknown; readonly isNumber: boolean }) {
  if (value === null || value === undefined) {
    return (
      <span role="cell" className={isNumber ? 'null number' : 'null'}>
        NULL
      </span>
    )
  }
  const text = cellText(value).slice(0, CELL_CHARACTERS_MAX)
  return (
    <span role="cell" className={isNumber ? 'number' : undefined} title={text.length > WIDTH_MAX - 4 ? text : undefined}>
      {text}
    </span>
  )
}

function widthOf({ name, type }: Column, rows: readonly Record<string, unknown>[]): number {
  const head = name.length + type.length * 0.8 + 2
  const longest = rows.slice(0, SAMPLE).reduce((most, row) => Math.max(most, cellText(row[name]).length), 4)
  return Math.ceil(Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, head, longest)) + 3)
}
