import { useLayoutEffect, useRef } from 'react'
import type { Completion } from './complete'

interface CompletionListProps {
  readonly id: string
  readonly items: readonly Completion[]
  readonly chosen: number
  /** Where the completed word begins, and how far the text is scrolled. */
  readonly line: number
  readonly column: number
  readonly top: number
  readonly left: number
  readonly onAccept: (item: Completion) => void
}

/** What could stand at the caret. The text area keeps the focus and names the chosen item. */
export function CompletionList({ id, items, chosen, line, column, top, left, onAccept }: CompletionListProps) {
  const list = useRef<HTMLUListElement>(null)
  useLayoutEffect(() => {
    // It gives a promise in newer browsers, which is no way to end an effect.
    void list.current?.children[chosen]?.scrollIntoView({ block: 'nearest' })
  }, [chosen, items])
  return (
    <ul
      ref={list}
      id={id}
      className="completions"
      role="listbox"
      aria-label="Completions"
      style={{ top: `calc(var(--sql-pad) + ${line + 1} * var(--sql-line) - ${top}px)`, left: `clamp(0px, calc(var(--sql-gutter) + ${column}ch - ${left}px), calc(100% - 17rem))` }}
    >
      {items.map((item, at) => (
        <li
          key={`${item.kind} ${item.text}`}
          id={`${id}-${at}`}
          role="option"
          aria-selected={at === chosen}
          // The list scrolls, and the keyboard comes to what is in it by way of the text area.
          tabIndex={-1}
          // The text area would lose the focus on a click.
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => onAccept(item)}
        >
          <span className={`completion completion-${item.kind}`}>{item.text}</span>
          <span className="completion-hint">{item.hint === '' ? item.kind : item.hint}</span>
        </li>
      ))}
    </ul>
  )
}
