import { type KeyboardEvent, memo, useRef } from 'react'
import { count } from '../ui/format'
import { Icon } from '../ui/Icon'
import type { NoteActions } from './actions'
import type { NoteLine } from './lines'

interface NoteRowProps {
  readonly line: NoteLine
  readonly index: number
  /** Pixels from the list's beginning. */
  readonly top: number
  readonly isActive: boolean
  readonly isSelected: boolean
  readonly isRenamed: boolean
  readonly actions: NoteActions
  readonly onOpen: (id: string, index: number) => void
  readonly onRename: (id: string) => void
  readonly onRenamed: () => void
}

/** A line of the list. */
export const NoteRow = memo(function NoteRow({ line, index, top, isActive, isSelected, isRenamed, actions, onOpen, onRename, onRenamed }: NoteRowProps) {
  const { id, kind, title, topic, stars, done, likes, _seq } = line
  const tab = isActive ? 0 : -1
  return (
    <div
      role="row"
      className="note-row"
      aria-rowindex={index + 1}
      aria-selected={isSelected}
      data-index={index}
      data-done={done}
      tabIndex={tab}
      style={{ top }}
      onClick={() => onOpen(id, index)}
      onDoubleClick={() => onRename(id)}
    >
      <span role="gridcell" className="note-tick" onClick={(event) => event.stopPropagation()}>
        {kind === 'task' ? (
          <input type="checkbox" checked={done} tabIndex={tab} aria-label={`Done: ${title}`} onChange={() => actions.toggleDone(line)} />
        ) : (
          <Icon name="notes" />
        )}
      </span>
      <span role="gridcell" className="note-title">
        {isRenamed ? <Rename title={title} onSave={(next) => actions.update(id, { title: next })} onEnd={onRenamed} /> : <span>{title}</span>}
        {_seq === null && <span className="unsent" role="img" aria-label="not sent yet" title="Not sent yet" />}
      </span>
      <span role="gridcell" className="note-topic">
        <span className="chip">{topic}</span>
      </span>
      <span role="gridcell" className="note-marks" onClick={(event) => event.stopPropagation()} onDoubleClick={(event) => event.stopPropagation()}>
        <button type="button" className="mark mark-star" tabIndex={tab} aria-pressed={stars > 0} aria-label={stars > 0 ? `${stars} stars: take away` : 'Star'} onClick={() => actions.toggleStar(line)}>
          <Icon name="star" filled={stars > 0} />
          {stars > 1 && <span aria-hidden="true">{stars}</span>}
        </button>
        <button type="button" className="mark mark-like" tabIndex={tab} aria-label={`Like, ${count(likes)} so far`} onClick={() => actions.like(id)}>
          <Icon name="heart" filled={likes > 0} />
          {likes !== 0 && <span aria-hidden="true">{count(likes)}</span>}
        </button>
      </span>
    </div>
  )
})

function Rename({ title, onSave, onEnd }: { readonly title: string; readonly onSave: (title: string) => void; readonly onEnd: () => void }) {
  const isOver = useRef(false)
  const end = (value: string | undefined): void => {
    if (isOver.current) return
    isOver.current = true
    const next = value?.trim() ?? ''
    if (next !== '' && next !== title) onSave(next)
    onEnd()
  }
  const keyDown = (event: KeyboardEvent<HTMLInputElement>): void => {
    event.stopPropagation()
    if (event.key === 'Enter') end(event.currentTarget.value)
    if (event.key === 'Escape') end(undefined)
  }
  return (
    <input
      className="rename"
      defaultValue={title}
      aria-label="Title"
      maxLength={500}
      autoFocus
      onFocus={(event) => event.target.select()}
      onClick={(event) => event.stopPropagation()}
      onKeyDown={keyDown}
      onBlur={(event) => end(event.target.value)}
    />
  )
}
