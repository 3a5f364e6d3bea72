import { useSyncExternalStore } from 'react'
import { Icon } from './Icon'
import { Message } from './Message'
import { currentToasts, dismissToast, subscribeToasts } from './toasts'

/** Messages at the edge of the page; screen readers hear them. */
export function Toasts() {
  const toasts = useSyncExternalStore(subscribeToasts, currentToasts)
  return (
    <div className="toasts" role="region" aria-label="Messages" aria-live="polite">
      {toasts.map(({ number, tone, text }) => (
        <div key={number} className={`toast toast-${tone}`} role={tone === 'error' ? 'alert' : undefined}>
          <span>
            <Message text={text} />
          </span>
          <button type="button" className="icon-button" onClick={() => dismissToast(number)} aria-label="Dismiss message">
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  )
}
