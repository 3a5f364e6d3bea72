import { lazy, Suspense, useEffect, useRef } from 'react'
import { NotesPage } from '../notes/NotesPage'
import type { Account } from '../session/account'
import { TokenBar } from '../session/TokenBar'
import { OfflineSwitch } from '../ui/OfflineSwitch'
import { SyncBadge } from '../ui/SyncBadge'
import { ThemeSwitch } from '../ui/ThemeSwitch'
import { ErrorBoundary } from './ErrorBoundary'
import { Nav } from './Nav'
import { type Page, usePage } from './router'

const FlightsPage = lazy(() => import('../flights/FlightsPage'))
const DevicesPage = lazy(() => import('../devices/DevicesPage'))
const ConsolePage = lazy(() => import('../console/ConsolePage'))
const InspectorPage = lazy(() => import('../inspector/InspectorPage'))

const TITLES: Readonly<Record<Page, string>> = { notes: 'Notes', flights: 'Flights', devices: 'Two devices', console: 'SQL console', inspector: 'Inspector' }

/** What is around all pages. */
export function Shell({ account }: { readonly account: Account }) {
  const page = usePage()
  const main = useRef<HTMLElement>(null)
  const isFirst = useRef(true)
  useEffect(() => {
    document.title = `${TITLES[page]} · KalamDB demo`
    // A page that was navigated to is read out from its beginning.
    if (!isFirst.current) main.current?.focus({ preventScroll: true })
    isFirst.current = false
  }, [page])
  return (
    <div className="shell">
      <a className="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        Skip to the page
      </a>
      <header className="top">
        <a className="brand" href="#/notes" aria-label="KalamDB demo">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <rect width="32" height="32" rx="8" />
            <path d="M9 7v18M9 17 21 7M13 14l10 11" />
          </svg>
          <span>KalamDB</span>
        </a>
        <div className="top-right">
          <SyncBadge />
          {account.url !== null && <OfflineSwitch />}
          <ThemeSwitch />
        </div>
      </header>
      <Nav page={page} titles={TITLES} />
      {account.url !== null && <TokenBar account={account} />}
      <main id="main" className={`page page-${page}`} ref={main} tabIndex={-1} aria-labelledby="page-title">
        <ErrorBoundary key={page}>
          <Suspense fallback={<p className="quiet">Loading …</p>}>
            <PageOf page={page} account={account} />
          </Suspense>
        </ErrorBoundary>
      </main>
    </div>
  )
}

function PageOf({ page, account }: { readonly page: Page; readonly account: Account }) {
  switch (page) {
    case 'notes':
      return <NotesPage />
    case 'flights':
      return <FlightsPage account={account} />
    case 'devices':
      return <DevicesPage account={account} />
    case 'console':
      return <ConsolePage />
    case 'inspector':
      return <InspectorPage account={account} />
  }
}
