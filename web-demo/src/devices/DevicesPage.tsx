import { KalamProvider } from 'kalamdb/react'
import { useEffect, useState } from 'react'
import type { BoardRow, Demo } from '../database/schema'
import { type Account, databaseName } from '../session/account'
import { isOver } from '../session/devices'
import { deviceOf } from '../session/session'
import { Message } from '../ui/Message'
import { textOf } from '../ui/toasts'
import { DevicePanel } from './DevicePanel'
import { Example } from './Example'

type Opened = { readonly state: 'opening' } | { readonly state: 'open'; readonly a: Demo; readonly b: Demo } | { readonly state: 'failed'; readonly error: unknown }

const NO_ROWS: readonly BoardRow[] = []

/** Two databases of one user in one page, each with a switch of its own. */
export default function DevicesPage({ account }: { readonly account: Account }) {
  return (
    <div className="devices">
      <div className="page-head">
        <h1 id="page-title">Two devices</h1>
        <p className="quiet">Two databases of {account.url === null ? 'one user' : account.user}, each with its own connection. Switch one off, edit on both, switch it on again.</p>
      </div>
      {account.url === null ? (
        <div className="card prose">
          <h2>This needs a server</h2>
          <p>Two devices become equal through a server. Start one, and sign in with the token that it prints:</p>
          <pre tabIndex={0}>kalamdb serve --dev</pre>
        </div>
      ) : (
        <Both key={databaseName(account)} account={account} />
      )}
    </div>
  )
}

function Both({ account }: { readonly account: Account }) {
  const [opened, setOpened] = useState<Opened>({ state: 'opening' })
  const [tries, setTries] = useState(1)
  useEffect(() => {
    let isCurrent = true
    let stops: readonly (() => void)[] = []
    const fail = (error: unknown): void => {
      if (isCurrent) setOpened({ state: 'failed', error })
    }
    setOpened({ state: 'opening' })
    Promise.all([deviceOf(account, 'a'), deviceOf(account, 'b')]).then(([a, b]) => {
      if (!isCurrent) return
      const ended = a.ended ?? b.ended
      if (ended !== undefined) return fail(ended)
      stops = [a, b].map((device) =>
        device.on('error', (error) => {
          if (isOver(device, error)) fail(error)
        })
      )
      setOpened({ state: 'open', a, b })
    }, fail)
    return () => {
      isCurrent = false
      for (const stop of stops) stop()
    }
  }, [account, tries])
  switch (opened.state) {
    case 'opening':
      return (
        <p className="quiet" role="status">
          Opening both …
        </p>
      )
    case 'failed':
      return (
        <>
          <p className="problem" role="alert">
            <Message text={textOf(opened.error)} />
          </p>
          <div className="row">
            <button type="button" className="button button-main" onClick={() => setTries(tries + 1)}>
              Try again
            </button>
          </div>
        </>
      )
    case 'open':
      return <Panels a={opened.a} b={opened.b} />
  }
}

function Panels({ a, b }: { readonly a: Demo; readonly b: Demo }) {
  const [rowsOfA, setRowsOfA] = useState(NO_ROWS)
  const [rowsOfB, setRowsOfB] = useState(NO_ROWS)
  return (
    <>
      <Example a={a} b={b} />
      <div className="device-pair">
        <KalamProvider database={a}>
          <DevicePanel name="Laptop" other={rowsOfB} onRows={setRowsOfA} />
        </KalamProvider>
        <KalamProvider database={b}>
          <DevicePanel name="Phone" other={rowsOfA} onRows={setRowsOfB} />
        </KalamProvider>
      </div>
    </>
  )
}
