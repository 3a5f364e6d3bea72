import { memo } from 'react'
import type { Mark } from './Editor'
import { lex } from './lex'

interface HighlightProps {
  readonly text: string
  readonly mark: Mark | undefined
  /** How far the text area is scrolled. */
  readonly top: number
  readonly left: number
}

/** The colours and line numbers under the text area, which holds the same letters in the same places. */
export function Highlight({ text, mark, top, left }: HighlightProps) {
  return (
    <div className="sql-under" aria-hidden="true">
      <div className="sql-lines" style={{ transform: `translateY(${-top}px)` }}>
        {Array.from({ length: text.split('\n').length }, (_, at) => (
          <span key={at} data-wrong={mark?.line === at + 1}>
            {at + 1}
          </span>
        ))}
      </div>
      <div className="sql-window">
        <pre style={{ transform: `translate(${-left}px, ${-top}px)` }}>
          <Colours text={text} wrongAt={mark?.at} />
        </pre>
      </div>
    </div>
  )
}

const Colours = memo(function Colours({ text, wrongAt }: { readonly text: string; readonly wrongAt: number | undefined }) {
  const tokens = lex(text)
  const wrong = wrongAt === undefined ? undefined : (tokens.find(({ kind, from, to }) => kind !== 'space' && from <= wrongAt && wrongAt < to) ?? tokens.at(-1))
  return (
    <>
      {tokens.map((token) => (
        <span key={token.from} className={`lex-${token.kind}${token === wrong ? ' lex-wrong' : ''}`}>
          {text.slice(token.from, token.to)}
        </span>
      ))}
      {'\n'}
    </>
  )
})
