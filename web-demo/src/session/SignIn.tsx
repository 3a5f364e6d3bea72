import { type FormEvent, useState } from 'react'
import { ThemeSwitch } from '../ui/ThemeSwitch'
import { signIn, workAlone } from './session'
import { userOf } from './token'

/** Asks for a server where the page’s origin does not name one. */
export function SignIn() {
  const [problem, setProblem] = useState<string>()
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const token = String(form.get('token')).trim()
    const user = userOf(token)
    if (user === undefined) return setProblem('This is no token: it has three parts with dots between, and names a user.')
    void signIn(new URL(String(form.get('url'))).href, token, user)
  }
  return (
    <main className="door">
      <h1>KalamDB</h1>
      <p>Notes, charts and SQL in a database that is on your device. With a server, all your devices have the same rows.</p>
      <form className="door-form" onSubmit={submit} aria-describedby={problem === undefined ? undefined : 'door-problem'}>
        <label>
          Server address
          <input name="url" type="url" required defaultValue="http://127.0.0.1:7171/" autoComplete="url" />
        </label>
        <label>
          Token
          <textarea name="token" required rows={3} spellCheck={false} autoComplete="off" placeholder="as kalamdb serve --dev prints it" />
        </label>
        {problem !== undefined && (
          <p className="problem" id="door-problem" role="alert">
            {problem}
          </p>
        )}
        <button type="submit" className="button button-main">
          Sign in
        </button>
      </form>
      <button type="button" className="button" onClick={() => void workAlone()}>
        Work without a server
      </button>
      <ThemeSwitch />
    </main>
  )
}
