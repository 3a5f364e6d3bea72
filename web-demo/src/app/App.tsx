import { KalamProvider } from 'kalamdb/react'
import { Failed } from '../session/Failed'
import { useSession } from '../session/session'
import { SignIn } from '../session/SignIn'
import { Toasts } from '../ui/Toasts'
import { ErrorBoundary } from './ErrorBoundary'
import { Shell } from './Shell'

/** The application, from signing in to its pages. */
export function App() {
  return (
    <ErrorBoundary>
      <Stage />
      <Toasts />
    </ErrorBoundary>
  )
}

function Stage() {
  const session = useSession()
  switch (session.phase) {
    case 'starting':
    case 'opening':
      return <Opening />
    case 'form':
      return <SignIn />
    case 'failed':
      return <Failed error={session.error} />
    case 'open':
      return (
        <KalamProvider database={session.database}>
          <Shell account={session.account} />
        </KalamProvider>
      )
  }
}

function Opening() {
  return (
    <main className="door door-quiet" aria-busy="true">
      <p role="status">Opening the database …</p>
    </main>
  )
}
