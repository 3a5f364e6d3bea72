import { sql } from 'kalamdb'
import { useLiveQuery } from 'kalamdb/react'
import { type KeyboardEvent, useEffect, useRef } from 'react'
import type { Note } from '../database/schema'
import { count, date } from '../ui/format'
import { Icon } from '../ui/Icon'
import { useDraft } from '../ui/useDraft'
import { useNoteActions } from './actions'
import { Stars } from './Stars'

interface NoteEditorProps {
  readonly id: string
  readonly topics: readonly string[]
  readonly onClose: () => void
}

/** One note, as it is now: what other devices write shows here, too. */
export function NoteEditor({ id, topics, onClose }: NoteEditorProps) {
  const { rows, status } = useLiveQuery(sql<Note>`
    SELECT id, kind, title, body, topic, stars, done, likes, created FROM demo.notes WHERE id = ${id}`)
  const note = rows[0]
  const keyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') onClose()
  }
  return (
    <aside className="editor" aria-label="Note" onKeyDown={keyDown}>
      <div className="editor-head">
        <button type="button" className="icon-button" onClick={onClose} aria-label="Close note" title="Close (Escape)">
          <Icon name="close" />
        </button>
      </div>
      {note !== undefined ? <Fields note={note} topics={topics} onClose={onClose} /> : status === 'live' && <p className="empty">This note was deleted.</p>}
    </aside>
  )
}

function Fields({ note, topics, onClose }: { readonly note: Note; readonly topics: readonly string[]; readonly onClose: () => void }) {
  const { id, kind, stars, done, likes, created } = note
  const { update, like, remove } = useNoteActions()
  const title = useDraft(note.title, (value) => {
    if (value.trim() !== '') update(id, { title: value })
  })
  const body = useDraft(note.body ?? '', (value) => update(id, { body: value }))
  const topic = useDraft(note.topic, (value) => update(id, { topic: value.trim() === '' ? 'inbox' : value.trim() }))
  const first = useRef<HTMLTextAreaElement>(null)
  useEffect(() => first.current?.focus(), [])
  return (
    <div className="editor-fields">
      <textarea className="editor-title" ref={first} rows={2} aria-label="Title" value={title.value} maxLength={500} onChange={(event) => title.set(event.target.value.replaceAll('\n', ' '))} onBlur={title.flush} />
      <div className="row">
        <div className="segments" role="group" aria-label="Kind">
          {(['task', 'note'] as const).map((of) => (
            <button key={of} type="button" aria-pressed={of === kind} onClick={() => update(id, { kind: of })}>
              {of === 'task' ? 'Task' : 'Note'}
            </button>
          ))}
        </div>
        <label className="check">
          <input type="checkbox" checked={done} onChange={() => update(id, { done: !done })} />
          Done
        </label>
      </div>
      <label className="field">
        Topic
        <input list="topics" value={topic.value} maxLength={60} onChange={(event) => topic.set(event.target.value)} onBlur={topic.flush} />
        <datalist id="topics">
          {topics.map((of) => (
            <option key={of} value={of} />
          ))}
        </datalist>
      </label>
      <div className="row">
        <Stars stars={stars} onChange={(next) => update(id, { stars: next })} />
        <div className="stepper" role="group" aria-label="Likes">
          <button type="button" aria-label="One like less" onClick={() => like(id, -1)}>
            −
          </button>
          <output aria-live="polite">
            <Icon name="heart" filled={likes > 0} /> {count(likes)}
          </output>
          <button type="button" aria-label="One like more" onClick={() => like(id)}>
            +
          </button>
        </div>
      </div>
      <label className="field field-grow">
        Text
        <textarea value={body.value} rows={8} onChange={(event) => body.set(event.target.value)} onBlur={body.flush} />
      </label>
      <div className="row editor-foot">
        <span className="quiet">{date(created)}</span>
        <button
          type="button"
          className="button button-danger"
          onClick={() => {
            remove(id)
            onClose()
          }}
        >
          <Icon name="trash" />
          Delete
        </button>
      </div>
    </div>
  )
}
