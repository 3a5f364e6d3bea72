import { useRef } from 'react'
import { Icon } from '../ui/Icon'
import type { History } from './history'

/** What was run before, to be taken again. */
export function HistoryList({ history, onPick }: { readonly history: History; readonly onPick: (text: string) => void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const pick = (text: string): void => {
    onPick(text)
    dialog.current?.close()
  }
  return (
    <>
      <button type="button" className="button" onClick={() => dialog.current?.showModal()}>
        <Icon name="history" />
        <span>History</span>
      </button>
      <dialog ref={dialog} className="history" aria-labelledby="history-title" onClick={({ target, currentTarget }) => target === currentTarget && currentTarget.close()}>
        <div className="card-head">
          <h2 id="history-title">History</h2>
          <button type="button" className="button button-small" disabled={history.texts.length === 0} onClick={history.clear}>
            Clear
          </button>
          <button type="button" className="icon-button" aria-label="Close history" onClick={() => dialog.current?.close()}>
            <Icon name="close" />
          </button>
        </div>
        {history.texts.length === 0 && <p className="empty">Nothing was run yet.</p>}
        <ol>
          {history.texts.map((text) => (
            <li key={text}>
              <button type="button" onClick={() => pick(text)}>
                <code>{text}</code>
              </button>
            </li>
          ))}
        </ol>
      </dialog>
    </>
  )
}
