import { type ChangeEvent, type KeyboardEvent, useId, useImperativeHandle, useMemo, useRef, useState, type Ref } from 'react'
import { type CatalogTable, complete, type Completion, type Completions } from './complete'
import { CompletionList } from './CompletionList'
import { Highlight } from './Highlight'

/** Where the text is wrong: the place, from 0. */
export interface Mark {
  readonly at: number
  readonly line: number
}

/** What the console does to the editor. */
export interface EditorHandle {
  /** Puts the caret there. */
  readonly goTo: (at: number) => void
}

interface EditorProps {
  readonly text: string
  readonly onChange: (text: string) => void
  readonly onRun: () => void
  readonly catalog: readonly CatalogTable[]
  readonly mark: Mark | undefined
  readonly handle: Ref<EditorHandle>
}

const NOTHING: Completions = { from: 0, items: [] }

/** A text area with colours under it and completions at its caret. Tab leaves it, unless completions are open. */
export function Editor({ text, onChange, onRun, catalog, mark, handle }: EditorProps) {
  const area = useRef<HTMLTextAreaElement>(null)
  const [completions, setCompletions] = useState(NOTHING)
  const [chosen, setChosen] = useState(0)
  const [scroll, setScroll] = useState({ top: 0, left: 0 })
  const list = useId()
  const isOpen = completions.items.length > 0
  const place = useMemo(() => placeOf(text, completions.from), [text, completions.from])
  useImperativeHandle(handle, () => ({
    goTo: (at) => {
      area.current?.focus()
      area.current?.setSelectionRange(at, at)
    }
  }), [])

  const close = (): void => setCompletions(NOTHING)
  const offer = (of: string, caret: number, isAsked: boolean): void => {
    const found = complete(of, caret, catalog)
    setChosen(0)
    setCompletions(isAsked || caret > found.from ? found : NOTHING)
  }
  const change = (event: ChangeEvent<HTMLTextAreaElement>): void => {
    const { value, selectionStart } = event.target
    onChange(value)
    offer(value, selectionStart, false)
  }
  const accept = ({ text: item }: Completion): void => {
    const element = area.current
    if (element === null) return
    element.setSelectionRange(completions.from, element.selectionStart)
    // As if it had been typed: the caret is behind it at once, and it can be undone. No other call does both.
    document.execCommand('insertText', false, item)
    close()
  }
  const keyDown = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault()
      close()
      return onRun()
    }
    if (event.key === ' ' && event.ctrlKey) {
      event.preventDefault()
      return offer(text, event.currentTarget.selectionStart, true)
    }
    if (!isOpen) return
    const { length } = completions.items
    const keys: Record<string, () => void> = {
      ArrowDown: () => setChosen((chosen + 1) % length),
      ArrowUp: () => setChosen((chosen + length - 1) % length),
      Escape: close,
      Tab: () => accept(completions.items[chosen] as Completion),
      Enter: () => accept(completions.items[chosen] as Completion)
    }
    const act = keys[event.key]
    if (act === undefined) {
      if (event.key.startsWith('Arrow') || event.key === 'Home' || event.key === 'End') close()
      return
    }
    event.preventDefault()
    act()
  }

  return (
    <div className="sql-editor">
      <Highlight text={text} mark={mark} top={scroll.top} left={scroll.left} />
      <textarea
        ref={area}
        className="sql-text"
        aria-label="SQL"
        aria-describedby="sql-keys"
        aria-autocomplete="list"
        aria-haspopup="listbox"
        aria-controls={isOpen ? list : undefined}
        aria-activedescendant={isOpen ? `${list}-${chosen}` : undefined}
        aria-invalid={mark !== undefined}
        value={text}
        wrap="off"
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        onChange={change}
        onKeyDown={keyDown}
        onBlur={close}
        onClick={close}
        onScroll={({ currentTarget }) => {
          setScroll({ top: currentTarget.scrollTop, left: currentTarget.scrollLeft })
          close()
        }}
      />
      {isOpen && <CompletionList id={list} items={completions.items} chosen={chosen} line={place.line} column={place.column} top={scroll.top} left={scroll.left} onAccept={accept} />}
      <p id="sql-keys" className="hidden">
        Control and Enter run the text. Control and Space offer completions.
      </p>
    </div>
  )
}

function placeOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at).split('\n')
  return { line: before.length - 1, column: before.at(-1)?.length ?? 0 }
}
