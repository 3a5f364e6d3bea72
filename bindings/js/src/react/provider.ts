import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useRef,
  useState
} from 'react'
import type { Database } from '../database.js'
import { KalamError } from '../errors.js'
import { type DatabaseOptions, open } from '../open.js'
import type { Tables, Timestamps } from '../schema/schema.js'

/** A database of any schema. @internal */
export type AnyDatabase = Database<any, any>

const Context = createContext<AnyDatabase | null>(null)

/** What {@link KalamProvider} takes: an open database, or what to open one with. */
export type KalamProviderProps = {
  /** What uses it. */
  readonly children?: ReactNode
} & (
  | {
      /** An open database, which stays open. */
      readonly database: AnyDatabase
    }
  | {
      /** Read when the provider is mounted; the database is closed when it is unmounted. */
      readonly options: Omit<DatabaseOptions<any, Timestamps>, 'signal'>
      /** Rendered until the database is open, and on a server. */
      readonly fallback?: ReactNode
    }
)

/**
 * Hands a database to the components within.
 *
 * ```tsx
 * import { KalamProvider, useLiveQuery } from 'kalamdb/react'
 *
 * function Titles() {
 *   const { rows } = useLiveQuery<{ id: string; title: string }>((db) => db.sql`SELECT id, title FROM app.notes`, [])
 *   return <ul>{rows.map((row) => <li key={row.id}>{row.title}</li>)}</ul>
 * }
 *
 * export const App = () => (
 *   <KalamProvider options={{ name: 'notes' }} fallback="Opening …">
 *     <Titles />
 *   </KalamProvider>
 * )
 * ```
 *
 * What keeps the database from opening is thrown while rendering, for the next error boundary.
 */
export function KalamProvider(props: KalamProviderProps): ReactElement {
  if ('database' in props) return createElement(Context.Provider, { value: props.database }, props.children)
  return createElement(OpeningProvider, props)
}

function OpeningProvider({
  options,
  fallback,
  children
}: Extract<KalamProviderProps, { options: unknown }>): ReactElement {
  const [state, setState] = useState<{ database?: AnyDatabase; error?: unknown }>({})
  const first = useRef(options)
  useEffect(() => {
    const abort = new AbortController()
    let database: AnyDatabase | undefined
    open({ ...first.current, signal: abort.signal }).then(
      (opened) => {
        database = opened as AnyDatabase
        if (abort.signal.aborted) void database.close()
        else setState({ database })
      },
      (error: unknown) => {
        if (!abort.signal.aborted) setState({ error })
      }
    )
    return () => {
      abort.abort()
      void database?.close()
    }
  }, [])
  if (state.error !== undefined) throw state.error
  return createElement(
    Context.Provider,
    { value: state.database ?? null },
    state.database === undefined ? fallback : children
  )
}

/**
 * The database of the provider around.
 *
 * @throws KalamError `invalid`/`no_provider` without one
 */
export function useDatabase<T extends Tables = Tables, S extends Timestamps = 'date'>(): Database<T, S> {
  const database = useContext(Context)
  if (database === null)
    throw new KalamError(
      'invalid',
      'no_provider',
      'there is no database here: put <KalamProvider> around the component'
    )
  return database as Database<T, S>
}

/** The database, or null where there is none yet. @internal */
export const useMaybeDatabase = (): AnyDatabase | null => useContext(Context)
