import { count } from './format'
import type { SyncText } from './syncText'

interface SyncPillProps extends SyncText {
  readonly pending: number
  readonly refused: number
}

/** A dot, a word, and how many writes wait. */
export function SyncPill({ tone, text, pending, refused }: SyncPillProps) {
  return (
    <span className={`pill pill-${tone}`}>
      <span className="dot" aria-hidden="true" />
      {/* Only the word is read out when it changes: the numbers would not stop talking. */}
      <span className="pill-text" role="status">
        {text}
      </span>
      {pending > 0 && (
        <span className="pill-count">
          {count(pending)}
          <span className="hidden"> to send</span>
        </span>
      )}
      {refused > 0 && (
        <span className="pill-count pill-refused">
          {count(refused)}
          <span aria-hidden="true">!</span>
          <span className="hidden"> refused</span>
        </span>
      )}
    </span>
  )
}
