import { type FormEvent, useState } from 'react'
import { Icon } from '../ui/Icon'
import { useNoteActions } from './actions'

interface NewNoteProps {
  /** The topic that is looked at, which the note gets. */
  readonly topic: string
  readonly onAdded: (id: string) => void
}

/** One line for a new note or task. */
export function NewNote({ topic, onAdded }: NewNoteProps) {
  const { add } = useNoteActions()
  const [title, setTitle] = useState('')
  const [kind, setKind] = useState<'note' | 'task'>('task')
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    const text = title.trim()
    if (text === '') return
    setTitle('')
    void add(text, kind, topic === '' ? 'inbox' : topic).then((id) => {
      if (id !== undefined && kind === 'note') onAdded(id)
    })
  }
  return (
    <form className="new-note" onSubmit={submit}>
      <div className="segments" role="group" aria-label="Kind">
        {(['task', 'note'] as const).map((of) => (
          <button key={of} type="button" aria-pressed={of === kind} onClick={() => setKind(of)}>
            {of === 'task' ? 'Task' : 'Note'}
          </button>
        ))}
      </div>
      <input value={title} onChange={(event) => setTitle(event.target.value)} aria-label={`New ${kind}`} placeholder={kind === 'task' ? 'What is to be done?' : 'What is on your mind?'} maxLength={500} />
      <button type="submit" className="button button-main" aria-label="Add" disabled={title.trim() === ''}>
        <Icon name="plus" />
        <span>Add</span>
      </button>
    </form>
  )
}
