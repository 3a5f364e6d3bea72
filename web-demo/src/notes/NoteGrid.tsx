import { type KeyboardEvent, useCallback, useEffect, useRef, useState } from 'react'
import { useVirtual } from '../ui/useVirtual'
import { useNoteActions } from './actions'
import type { NoteLine } from './lines'
import { NoteRow } from './NoteRow'

interface NoteGridProps {
  readonly lines: readonly NoteLine[]
  readonly selected: string | undefined
  readonly onOpen: (id: string) => void
}

/** As in the style sheet. */
const ROW_PIXELS = 46

/** The list. Arrow keys move, Enter opens, F2 renames, Space is done, S is star, L is like, Delete deletes. */
export function NoteGrid({ lines, selected, onOpen }: NoteGridProps) {
  const actions = useNoteActions()
  const scroller = useRef<HTMLDivElement>(null)
  const { first, end, height, reveal } = useVirtual(scroller, lines.length, ROW_PIXELS)
  const [active, setActive] = useState(0)
  const [renamed, setRenamed] = useState<string>()
  const shouldFocus = useRef(false)
  const current = active >= first && active < end ? active : first

  useEffect(() => {
    if (!shouldFocus.current) return
    const row = scroller.current?.querySelector<HTMLElement>(`[data-index="${active}"]`)
    if (row === null || row === undefined) return
    shouldFocus.current = false
    row.focus({ preventScroll: true })
  })

  const go = (index: number): void => {
    const next = Math.max(0, Math.min(lines.length - 1, index))
    shouldFocus.current = true
    setActive(next)
    reveal(next)
  }
  const keyDown = (event: KeyboardEvent): void => {
    const line = lines[current]
    if (line === undefined || event.ctrlKey || event.metaKey || event.altKey || !(event.target as HTMLElement).matches('.note-row')) return
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / ROW_PIXELS) - 1)
    const keys: Record<string, () => void> = {
      ArrowDown: () => go(current + 1),
      ArrowUp: () => go(current - 1),
      PageDown: () => go(current + page),
      PageUp: () => go(current - page),
      Home: () => go(0),
      End: () => go(lines.length - 1),
      Enter: () => onOpen(line.id),
      F2: () => setRenamed(line.id),
      ' ': () => actions.toggleDone(line),
      s: () => actions.toggleStar(line),
      l: () => actions.like(line.id),
      Delete: () => {
        shouldFocus.current = true
        actions.remove(line.id)
      }
    }
    const act = keys[event.key]
    if (act === undefined) return
    event.preventDefault()
    act()
  }
  const open = useCallback(
    (id: string, index: number) => {
      setActive(index)
      onOpen(id)
    },
    [onOpen]
  )
  const endRename = useCallback(() => {
    shouldFocus.current = true
    setRenamed(undefined)
  }, [])

  return (
    <>
      <p id="grid-keys" className="hidden">
        Arrow keys move, Enter opens, F2 renames, Space ticks off, S stars, L likes, Delete deletes.
      </p>
      <div className="note-grid" role="grid" aria-label="Notes" aria-rowcount={lines.length} aria-describedby="grid-keys" ref={scroller} onKeyDown={keyDown}>
        <div role="rowgroup" style={{ height, position: 'relative' }}>
          {lines.slice(first, end).map((line, at) => (
            <NoteRow
              key={line.id}
              line={line}
              index={first + at}
              top={(first + at) * ROW_PIXELS}
              isActive={first + at === current}
              isSelected={line.id === selected}
              isRenamed={line.id === renamed}
              actions={actions}
              onOpen={open}
              onRename={setRenamed}
              onRenamed={endRename}
            />
          ))}
        </div>
      </div>
    </>
  )
}
