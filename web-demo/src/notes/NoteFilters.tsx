import { count } from '../ui/format'
import { Icon } from '../ui/Icon'
import type { Show, Wanted } from './lines'

interface NoteFiltersProps {
  readonly wanted: Wanted
  readonly topics: readonly (readonly [topic: string, notes: number])[]
  readonly onChange: (wanted: Wanted) => void
}

const SHOWS: readonly (readonly [Show, string])[] = [['all', 'All'], ['open', 'To do'], ['done', 'Done'], ['starred', 'Starred']]

/** Search, topic and state. */
export function NoteFilters({ wanted, topics, onChange }: NoteFiltersProps) {
  return (
    <search className="filters">
      <label className="search-field">
        <Icon name="search" />
        <span className="hidden">Search titles and topics</span>
        <input type="search" value={wanted.text} placeholder="Search" onChange={(event) => onChange({ ...wanted, text: event.target.value })} />
      </label>
      <label>
        <span className="hidden">Topic</span>
        <select value={wanted.topic} onChange={(event) => onChange({ ...wanted, topic: event.target.value })}>
          <option value="">All topics</option>
          {topics.map(([topic, notes]) => (
            <option key={topic} value={topic}>
              {topic} ({count(notes)})
            </option>
          ))}
        </select>
      </label>
      <div className="segments" role="group" aria-label="Show">
        {SHOWS.map(([show, label]) => (
          <button key={show} type="button" aria-pressed={show === wanted.show} onClick={() => onChange({ ...wanted, show })}>
            {label}
          </button>
        ))}
      </div>
    </search>
  )
}
