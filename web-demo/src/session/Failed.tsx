import { Message } from '../ui/Message'
import { textOf } from '../ui/toasts'
import { again, leave } from './session'

/** The database could not be opened, or was closed under the page. */
export function Failed({ error }: { readonly error: unknown }) {
  return (
    <main className="door">
      <h1>The database is not open</h1>
      <p className="problem" role="alert">
        <Message text={textOf(error)} />
      </p>
      <div className="row">
        <button type="button" className="button button-main" onClick={() => void again()}>
          Try again
        </button>
        <button type="button" className="button" onClick={() => void leave()}>
          Sign in anew
        </button>
      </div>
    </main>
  )
}
