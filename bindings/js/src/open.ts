import { Client } from './client/client.js'
import { requireWorkers, spawn } from './client/spawn.js'
import { Database } from './database.js'
import type { Durability } from './engine.js'
import { KalamError } from './errors.js'
import { checkKeys } from './options.js'
import type { OpenOptions } from './protocol.js'
import { applySchema } from './schema/ddl.js'
import { Schema, type Tables, type Timestamps } from './schema/schema.js'

/** The server that a database is kept equal with. */
export interface SyncOptions {
  /** Its address: `http(s)://` or `ws(s)://`. */
  readonly url: string
  /** The user's token, or what gives it: asked again when a new one is needed. */
  readonly token: string | (() => string | Promise<string>)
  /**
   * Whose rows these are, if it is known before the server says it. The database belongs to that user for good then, and takes no
   * other user's token.
   */
  readonly user?: string
  /** Whether to connect at once; `db.sync.start()` does it later. */
  readonly start?: boolean
}

/** Where rows are kept. */
export type StorageMode = 'indexeddb' | 'memory'

/** Where rows are kept, and how safely. */
export interface StorageOptions {
  /** IndexedDB, unless told otherwise. */
  readonly mode?: StorageMode
  /** `strict`, unless told otherwise: a write is persisted when it is on disk. `relaxed`: when the browser has it. */
  readonly durability?: Durability
}

/** What {@link open} takes. */
export interface DatabaseOptions<T extends Tables = Tables, S extends Timestamps = 'date'> {
  /** The database's name on this origin: 1 to 128 characters. Each signed-in user should have one. */
  readonly name: string
  /** Tables that are created if they are not there, and that type `db.tables`. */
  readonly schema?: Schema<T>
  /** IndexedDB, unless told otherwise, and `strict`. */
  readonly storage?: StorageMode | StorageOptions
  /** The server; without one the database stays on the device. */
  readonly sync?: SyncOptions
  /** TIMESTAMP as `Date`, or as ISO text with microseconds. */
  readonly timestamps?: S
  /** Makes the worker, for bundlers that do not find it: from `kalamdb/worker`. */
  readonly worker?: () => Worker
  /** Gives up opening, with the signal's reason. */
  readonly signal?: AbortSignal
}

/** Characters of a database's name. */
export const NAME_CHARACTERS_MAX = 128

const OPTIONS: Record<keyof DatabaseOptions, true> = {
  name: true,
  schema: true,
  storage: true,
  sync: true,
  timestamps: true,
  worker: true,
  signal: true
}
const STORAGE_OPTIONS: Record<keyof StorageOptions, true> = { mode: true, durability: true }
const SYNC_OPTIONS: Record<keyof SyncOptions, true> = { url: true, token: true, user: true, start: true }

/**
 * Opens a database, offline too: what is on the device is there at once, and sync goes on beside it.
 *
 * ```ts
 * import { open } from 'kalamdb'
 *
 * const db = await open({ name: 'quick-start', storage: 'memory' })
 * console.log(await db.sql`SELECT NOW() AS now`)
 * await db.close()
 * ```
 *
 * @throws KalamError `invalid` for options that make no sense and on a server, `unauthorized`/`other_user` if the database is not
 * that of `sync.user`, `internal`/`module_not_loaded` if a file of the package is not found, and whatever keeps the store from opening
 */
export async function open<T extends Tables = Record<never, never>, S extends Timestamps = 'date'>(
  options: DatabaseOptions<T, S>
): Promise<Database<T, S>> {
  const { checked, url } = check(options)
  const { signal, schema, sync } = options
  signal?.throwIfAborted()
  if (options.worker === undefined) requireWorkers()
  const client = new Client({
    spawn: options.worker ?? spawn,
    open: checked,
    values: { timestamps: options.timestamps ?? 'date', numbers: numbersOf(schema) },
    ...(sync === undefined
      ? {}
      : { token: typeof sync.token === 'function' ? sync.token : () => sync.token as string }),
    ...(url === undefined || sync?.start === false ? {} : { wish: { url, at: 0 } })
  })
  const abort = (): void =>
    client.terminate(new KalamError('closed', 'open_aborted', 'opening the database was given up'))
  signal?.addEventListener('abort', abort)
  try {
    const opened = client.open()
    // Sent with the first message to the engine.
    const syncs = sync !== undefined && sync.start !== false
    const applied = schema === undefined ? undefined : applySchema(client, schema, syncs)
    await Promise.all([opened, applied])
    return new Database<T, S>(client, checked.name, schema, url)
  } catch (error) {
    signal?.throwIfAborted()
    await client.close()
    throw error
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

function check<T extends Tables, S extends Timestamps>(
  options: DatabaseOptions<T, S>
): { checked: OpenOptions; url: string | undefined } {
  if (!isObject(options)) throw bad('bad_options', "open takes an object: open({ name: 'notes' })")
  checkKeys('open()', options, OPTIONS)
  checkName(options.name)
  if (isObject(options.storage)) checkKeys('storage', options.storage, STORAGE_OPTIONS)
  const { mode = 'indexeddb', durability = 'strict' } = isObject<StorageOptions>(options.storage)
    ? options.storage
    : { mode: options.storage }
  if (mode !== 'indexeddb' && mode !== 'memory')
    throw bad('bad_storage', `storage ${JSON.stringify(mode)} is neither 'indexeddb' nor 'memory'`)
  if (durability !== 'strict' && durability !== 'relaxed')
    throw bad('bad_storage', `durability ${JSON.stringify(durability)} is neither 'strict' nor 'relaxed'`)
  const { timestamps = 'date', worker, sync, schema } = options
  if (schema !== undefined && !(schema instanceof Schema))
    throw bad('bad_options', "schema is what defineSchema('app', { … }) gives")
  if (timestamps !== 'date' && timestamps !== 'iso')
    throw bad('bad_options', `timestamps ${JSON.stringify(timestamps)} is neither 'date' nor 'iso'`)
  if (worker !== undefined && typeof worker !== 'function')
    throw bad(
      'bad_options',
      "worker is a function that makes a Worker: worker: () => new Worker('/…/worker.js', { type: 'module' })"
    )
  const url = sync === undefined ? undefined : checkSync(sync)
  const checked = {
    durability,
    ...(mode === 'memory' ? {} : { name: options.name }),
    ...(sync?.user === undefined ? {} : { user: sync.user })
  }
  return { checked, url }
}

/** @internal */
export function checkName(name: unknown): void {
  if (typeof name !== 'string') throw bad('bad_name', "a database needs a name: open({ name: 'notes' })")
  if (name === '') throw bad('bad_name', 'the name of a database is not empty')
  if (name.length > NAME_CHARACTERS_MAX)
    throw bad(
      'bad_name',
      `the name of the database has ${name.length} characters: at most ${NAME_CHARACTERS_MAX} are allowed`
    )
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name))
    throw bad('bad_name', `the name ${JSON.stringify(name)} has a control character`)
}

/** Gives the server's address as the engine takes it: a scheme in lower case, `://`, and no slash at its end. */
function checkSync(sync: SyncOptions): string {
  if (!isObject(sync)) throw bad('bad_options', "sync is an object: sync: { url: 'https://db.example.com', token }")
  checkKeys('sync', sync, SYNC_OPTIONS)
  const { url, token, user, start } = sync
  let address: URL | undefined
  try {
    address = new URL(url)
  } catch {
    // Reported below, with what was given.
  }
  if (address === undefined || !/^(https?|wss?):$/.test(address.protocol))
    throw bad('bad_url', `sync.url ${JSON.stringify(url)} is no address: give one such as 'https://db.example.com'`)
  if (token === '') throw bad('no_token', 'sync.token is an empty text: give the token that the user signed in with')
  if (typeof token !== 'function' && typeof token !== 'string')
    throw bad('no_token', 'sync.token is neither a text nor a function that gives one')
  if (user !== undefined && (typeof user !== 'string' || user === ''))
    throw bad('bad_options', 'sync.user is no text: give the id of the user that the token names')
  if (start !== undefined && typeof start !== 'boolean')
    throw bad('bad_options', 'sync.start is neither true nor false')
  return address.href.replace(/\/$/, '')
}

function numbersOf(schema: Schema | undefined): ReadonlySet<string> {
  const columns = [...(schema?.specs.values() ?? [])].flatMap((table) => [...table.columns])
  return new Set(columns.filter(([, spec]) => spec.asNumber || spec.type === 'COUNTER').map(([name]) => name))
}

const isObject = <T extends object>(value: unknown): value is T => typeof value === 'object' && value !== null

const bad = (code: string, message: string): KalamError => new KalamError('invalid', code, message)
