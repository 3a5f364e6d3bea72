// @vitest-environment happy-dom
import { act, Component, type ReactNode, StrictMode } from 'react'
import { createRoot, hydrateRoot } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Database, type KalamError, sql } from '../src/index.js'
import { KalamProvider, useDatabase, useLiveQuery, useQuery, useSyncStatus } from '../src/react.js'
import { World } from './support/world.js'

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

interface Kv {
  k: string
  v: number
}
const insert = 'INSERT INTO app.kv (k, v) VALUES ($1, $2)'

let world: World
let db: Database<Record<never, never>>
let container: HTMLDivElement
const unmounts: (() => void)[] = []

beforeEach(async () => {
  world = new World()
  db = await world.open()
  container = document.createElement('div')
})

afterEach(async () => {
  for (const unmount of unmounts.splice(0)) await act(async () => unmount())
  await db.close()
})

async function render(node: ReactNode): Promise<(next: ReactNode) => Promise<void>> {
  const root = createRoot(container)
  unmounts.push(() => root.unmount())
  const again = async (next: ReactNode): Promise<void> => {
    await act(async () => root.render(next))
    await settle()
  }
  await again(node)
  return again
}

const write = (values: unknown[]): Promise<void> => act(async () => void (await db.query(insert, values)))
const settle = (): Promise<void> => act(async () => world.settle())
const shown = (): string => container.textContent ?? ''

function Keys({ from }: { from?: string }): ReactNode {
  const { rows, status, error } = useLiveQuery<Kv>(
    (of) => of.query('SELECT k, v FROM app.kv', from === undefined ? [] : [from]),
    [from]
  )
  return error?.message ?? `${status}: ${rows.map((row) => row.k).join()}`
}

describe('useLiveQuery', () => {
  it('renders rows and their changes, in strict mode too', async () => {
    await write(['a', 1])
    await render(
      <StrictMode>
        <KalamProvider database={db}>
          <Keys />
        </KalamProvider>
      </StrictMode>
    )
    expect(shown()).toBe('live: a')
    await write(['b', 1])
    await settle()
    expect(shown()).toBe('live: a,b')
    expect(world.engine.lives.size).toBe(1)
  })

  it('runs another query when its dependencies change', async () => {
    await write(['a', 1])
    await write(['z', 1])
    const again = await render(
      <KalamProvider database={db}>
        <Keys from="m" />
      </KalamProvider>
    )
    expect(shown()).toBe('live: z')
    await again(
      <KalamProvider database={db}>
        <Keys from="a" />
      </KalamProvider>
    )
    expect(shown()).toBe('live: a,z')
  })

  it('keeps a piece of sql by what it says, and renders rows once', async () => {
    let renders = 0
    const seen = new Set<unknown>()
    function Fragment(): ReactNode {
      renders++
      const { rows } = useLiveQuery<Kv>(sql`SELECT k, v FROM app.kv WHERE at > ${new Date(5)}`)
      if (rows[0] !== undefined) seen.add(rows[0])
      return rows.length
    }
    await render(
      <KalamProvider database={db}>
        <Fragment />
      </KalamProvider>
    )
    await write(['a', 1])
    await settle()
    await write(['b', 1])
    await settle()
    expect(shown()).toBe('2')
    expect(renders).toBe(4)
    expect(seen.size).toBe(1)
  })

  it('shows what is wrong', async () => {
    function Join(): ReactNode {
      return useLiveQuery(sql`SELECT 1 FROM a JOIN b`).error?.code
    }
    await render(
      <KalamProvider database={db}>
        <Join />
      </KalamProvider>
    )
    expect(shown()).toBe('live_one_table')
  })

  it('renders on a server and hydrates', async () => {
    await write(['a', 1])
    const app = (
      <KalamProvider database={db}>
        <Keys />
      </KalamProvider>
    )
    container.innerHTML = renderToString(app)
    expect(shown()).toBe('loading: ')
    await act(async () => {
      const root = hydrateRoot(container, app)
      unmounts.push(() => root.unmount())
    })
    await settle()
    expect(shown()).toBe('live: a')
  })
})

describe('useQuery and useSyncStatus', () => {
  it('run once, and again when asked', async () => {
    await write(['a', 1])
    let refetch = (): void => {}
    function Once({ text }: { text: string }): ReactNode {
      const query = useQuery<Kv>((of) => of.query(text), [text])
      refetch = query.refetch
      return query.status === 'error' ? (query.error as Error).message : `${query.status}: ${query.rows.length}`
    }
    const again = await render(
      <KalamProvider database={db}>
        <Once text="SELECT k, v" />
      </KalamProvider>
    )
    expect(shown()).toBe('done: 1')
    await write(['b', 1])
    await settle()
    expect(shown()).toBe('done: 1')
    await act(async () => refetch())
    await settle()
    expect(shown()).toBe('done: 2')
    await again(
      <KalamProvider database={db}>
        <Once text="SELEC" />
      </KalamProvider>
    )
    expect(shown()).toContain('is no statement')
  })

  it('shows the connection', async () => {
    function Status(): ReactNode {
      return useSyncStatus()?.state ?? 'nothing'
    }
    expect(renderToString(<Status />)).toBe('nothing')
    await render(
      <KalamProvider database={db}>
        <Status />
      </KalamProvider>
    )
    expect(shown()).toBe('offline')
    await act(async () => {
      world.engine.become('live')
      await world.advance(100)
    })
    expect(shown()).toBe('live')
  })
})

describe('KalamProvider', () => {
  it('opens a database, renders a fallback until then, and closes it', async () => {
    const options = { name: 'provided', worker: () => world.spawn() }
    function Name(): ReactNode {
      return useDatabase().name
    }
    const app = (
      <StrictMode>
        <KalamProvider options={options} fallback="opening">
          <Name />
        </KalamProvider>
      </StrictMode>
    )
    expect(renderToString(app)).toBe('opening')
    const before = world.workers.length
    await render(app)
    await settle()
    expect(shown()).toBe('provided')
    const workers = world.workers.slice(before)
    await act(async () => unmounts.splice(0).forEach((unmount) => unmount()))
    await world.settle()
    await expect.poll(() => workers.every((worker) => worker.isGone)).toBe(true)
  })

  it('throws what keeps it from opening, and hooks without it say so', async () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
    class Boundary extends Component<{ children: ReactNode }, { error?: KalamError }> {
      override state: { error?: KalamError } = {}
      static getDerivedStateFromError = (error: KalamError) => ({ error })
      override render(): ReactNode {
        return this.state.error?.code ?? this.props.children
      }
    }
    await render(
      <Boundary>
        <KalamProvider options={{ name: '' }}>x</KalamProvider>
      </Boundary>
    )
    expect(shown()).toBe('bad_name')
    expect(() => renderToString(<Keys />)).toThrow(expect.objectContaining({ code: 'no_provider' }))
    logged.mockRestore()
  })
})
