import { useId, type ReactNode } from 'react'
import type { Account } from '../session/account'
import { RefusedWrites } from '../ui/RefusedWrites'
import { EnginePanel } from './EnginePanel'
import { OutboxPanel } from './OutboxPanel'
import { SignOutPanel } from './SignOutPanel'
import { StoragePanel } from './StoragePanel'
import { SyncPanel } from './SyncPanel'
import { TimingsPanel } from './TimingsPanel'

/** What the database knows about itself. */
export default function InspectorPage({ account }: { readonly account: Account }) {
  return (
    <div className="inspector">
      <div className="page-head">
        <h1 id="page-title">Inspector</h1>
      </div>
      <div className="cards">
        <Panel title="Sync">
          <SyncPanel account={account} />
        </Panel>
        <Panel title="Outbox">
          <OutboxPanel />
        </Panel>
        <Panel title="Refused writes">
          <RefusedWrites empty="The server has refused nothing." />
        </Panel>
        <Panel title="Storage">
          <StoragePanel />
        </Panel>
        <Panel title="Engine">
          <EnginePanel />
        </Panel>
        <Panel title="Timings">
          <TimingsPanel />
        </Panel>
        <Panel title="Sign out">
          <SignOutPanel />
        </Panel>
      </div>
    </div>
  )
}

function Panel({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  const id = useId()
  return (
    <section className="card" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  )
}
