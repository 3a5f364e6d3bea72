import { useEffect, useRef, useState } from 'react'
import { textOfAddress } from '../app/router'
import { Icon } from '../ui/Icon'
import { Editor, type EditorHandle } from './Editor'
import { HistoryList } from './HistoryList'
import { OutcomeView } from './OutcomeView'
import { SAMPLES } from './samples'
import { useCatalog } from './useCatalog'
import { useConsole } from './useConsole'
import { useHistory } from './history'

const TEXT_KEY = 'kalamdb-demo.sql'

/** SQL, typed and run on this device. */
export default function ConsolePage() {
  const [text, setText] = useState(() => textOfAddress() ?? localStorage.getItem(TEXT_KEY) ?? SAMPLES[0]?.text ?? '')
  const { outcome, run, changed } = useConsole()
  const history = useHistory()
  const catalog = useCatalog(outcome)
  const editor = useRef<EditorHandle>(null)
  useEffect(() => localStorage.setItem(TEXT_KEY, text), [text])
  useEffect(() => {
    const taken = (): void => {
      const given = textOfAddress()
      if (given !== null) setText(given)
    }
    addEventListener('hashchange', taken)
    return () => removeEventListener('hashchange', taken)
  }, [])
  const isRunning = outcome.state === 'running'
  const isEmpty = text.trim() === ''
  const start = (isExplained: boolean): void => {
    if (isRunning || isEmpty) return
    history.add(text)
    void run(text, isExplained)
  }
  const edit = (next: string): void => {
    setText(next)
    changed()
  }
  return (
    <div className="console">
      <div className="page-head">
        <h1 id="page-title">SQL console</h1>
        <label className="console-samples">
          <span className="hidden">Samples</span>
          <select value="" onChange={(event) => edit(SAMPLES[Number(event.target.value)]?.text ?? text)}>
            <option value="" disabled>
              Samples …
            </option>
            {SAMPLES.map(({ name }, at) => (
              <option key={name} value={at}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <HistoryList history={history} onPick={edit} />
      </div>
      <Editor text={text} onChange={edit} onRun={() => start(false)} catalog={catalog} mark={outcome.state === 'error' ? outcome.mark : undefined} handle={editor} />
      <div className="row console-actions">
        <button type="button" className="button button-main" disabled={isRunning || isEmpty} onClick={() => start(false)}>
          <Icon name="play" />
          Run
        </button>
        <button type="button" className="button" disabled={isRunning || isEmpty} onClick={() => start(true)}>
          Explain
        </button>
        <span className="quiet console-keys" aria-hidden="true">
          <kbd>Ctrl</kbd> <kbd>Enter</kbd> runs, <kbd>Ctrl</kbd> <kbd>Space</kbd> completes
        </span>
      </div>
      <OutcomeView outcome={outcome} onPlace={(at) => editor.current?.goTo(at)} />
    </div>
  )
}
