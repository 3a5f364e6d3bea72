import type { Bar } from './ColumnChart'
import type { Group, Grouping } from './queries'

export const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/** Groups by month as bars of one of their values. */
export const monthBars = (groups: readonly Group[], value: (group: Group) => number, text: (value: number) => string): Bar[] =>
  groups.map((group) => ({ label: (MONTHS[Number(group.name) - 1] ?? '?').slice(0, 3), value: value(group), text: text(value(group)) }))

/** Groups as bars of their delay. */
export function barsOf(grouping: Grouping, groups: readonly Group[]): Bar[] {
  // An average of no flight is no average.
  const known = groups.filter(({ name, delay }) => name !== null && delay !== null)
  return known.map(({ name, delay }) => ({ label: labelOf(grouping, name), value: delay ?? 0, text: `${(delay ?? 0).toFixed(1)} min` }))
}

function labelOf(grouping: Grouping, name: Group['name']): string {
  if (grouping === 'weekday') return WEEKDAYS[Number(name)] ?? '?'
  if (grouping === 'hour') return `${String(name).padStart(2, '0')}h`
  return String(name)
}
