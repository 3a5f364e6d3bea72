import { useLiveQuery } from 'kalamdb/react'
import { useCallback, useDeferredValue, useMemo, useState } from 'react'
import { count, counted } from '../ui/format'
import { Message } from '../ui/Message'
import { textOf } from '../ui/toasts'
import { useNarrow } from '../ui/useNarrow'
import { ALL_LINES, filterLines, topicsOf, type Wanted } from './lines'
import { NewNote } from './NewNote'
import { NoteEditor } from './NoteEditor'
import { NoteFilters } from './NoteFilters'
import { NoteGrid } from './NoteGrid'
import { SampleButton } from './SampleButton'

const EVERYTHING: Wanted = { text: '', topic: '', show: 'all' }

/** Notes and tasks: a live list of several thousand rows, and one of them opened. */
export function NotesPage() {
  const { rows, status, error } = useLiveQuery(ALL_LINES)
  const [wanted, setWanted] = useState<Wanted>(EVERYTHING)
  const [selected, setSelected] = useState<string>()
  const isNarrow = useNarrow()
  // While many rows arrive, typing and scrolling come first.
  const lines = useDeferredValue(rows)
  const filter = useDeferredValue(wanted)
  const shown = useMemo(() => filterLines(lines, filter), [lines, filter])
  const topics = useMemo(() => topicsOf(lines), [lines])
  const close = useCallback(() => {
    setSelected(undefined)
    requestAnimationFrame(() => document.querySelector<HTMLElement>('.note-row[tabindex="0"]')?.focus())
  }, [])
  const isEditorOver = isNarrow && selected !== undefined
  return (
    <div className="notes" data-open={selected !== undefined}>
      <section className="notes-list" aria-labelledby="page-title" inert={isEditorOver}>
        <div className="page-head">
          <h1 id="page-title">Notes</h1>
          <p className="quiet" role="status">
            {status === 'loading' ? 'Loading …' : shown.length === lines.length ? counted(lines.length, 'note') : `${count(shown.length)} of ${counted(lines.length, 'note')}`}
          </p>
          <SampleButton />
        </div>
        <NewNote topic={wanted.topic} onAdded={setSelected} />
        <NoteFilters wanted={wanted} topics={topics} onChange={setWanted} />
        {status === 'error' && (
          <p className="problem" role="alert">
            <Message text={textOf(error)} />
          </p>
        )}
        {lines.length === 0 && status === 'live' ? (
          <p className="empty">Nothing here yet. Write the first note above, or create some samples to have a list worth searching.</p>
        ) : shown.length === 0 && status === 'live' ? (
          <p className="empty">
            No note is like that.{' '}
            <button type="button" className="link" onClick={() => setWanted(EVERYTHING)}>
              Show all
            </button>
          </p>
        ) : (
          <NoteGrid lines={shown} selected={selected} onOpen={setSelected} />
        )}
      </section>
      {selected !== undefined && <NoteEditor key={selected} id={selected} topics={topics.map(([topic]) => topic)} onClose={close} />}
    </div>
  )
}
