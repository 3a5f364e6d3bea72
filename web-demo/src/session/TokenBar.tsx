import { useSyncStatus } from 'kalamdb/react'
import { type FormEvent, useState } from 'react'
import { useDemo } from '../database/useDemo'
import { Message } from '../ui/Message'
import { complain, textOf } from '../ui/toasts'
import type { Account } from './account'
import { keepToken, OTHER_SERVER, userOf } from './token'

/** Asks for a token when the server does not take the one that there is; everything else goes on meanwhile. */
export function TokenBar({ account }: { readonly account: Account }) {
  const db = useDemo()
  const error = useSyncStatus()?.error
  const [problem, setProblem] = useState('')
  if (error?.kind !== 'unauthorized') return null
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault()
    const token = String(new FormData(event.currentTarget).get('token')).trim()
    if (userOf(token) !== account.user) return setProblem(`This is no token of ${account.user}.`)
    keepToken(token)
    setProblem('')
    db.sync
      .stop()
      .then(() => db.sync.start())
      .catch(complain)
  }
  return (
    <section className="token-bar" aria-label="Sign in again">
      <p>
        <Message text={textOf(error)} />{' '}
        {account.from === 'served' && <WayOut code={error.code} />}
      </p>
      {account.from === 'form' && (
        <form className="row" onSubmit={submit}>
          <label>
            <span className="hidden">Token</span>
            <input name="token" required autoComplete="off" spellCheck={false} placeholder={`a new token of ${account.user}`} />
          </label>
          <button type="submit" className="button button-main">
            Sign in again
          </button>
          <span role="alert">{problem}</span>
        </form>
      )}
    </section>
  )
}

function WayOut({ code }: { readonly code: string }) {
  if (code !== OTHER_SERVER) return <a href="#/inspector">Sign out in the inspector</a>
  return (
    <button type="button" className="link" onClick={() => location.reload()}>
      Reload the page
    </button>
  )
}
