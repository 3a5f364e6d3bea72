import { type KalamError, open } from 'kalamdb'
import { useSyncExternalStore } from 'react'
import { type Demo, schema } from '../database/schema'
import { note } from '../database/timings'
import { complain, tell } from '../ui/toasts'
import { type Account, databaseName, forgetAccount, forgetWanted, NOBODY, savedAccount, saveAccount, wantedUser } from './account'
import { closeDevices, type DeviceName, isOver, openDevice, wipeDevices } from './devices'
import { wipeFormer } from './stored'
import { forgetToken, keepToken, served, tokenOf } from './token'

/** Where the application stands between its start and an open database. */
export type Session =
  | { readonly phase: 'starting' }
  | { readonly phase: 'form' }
  | { readonly phase: 'opening'; readonly account: Account }
  | { readonly phase: 'open'; readonly account: Account; readonly database: Demo }
  | { readonly phase: 'failed'; readonly account: Account; readonly error: unknown; readonly database: Demo | undefined }

const OFFLINE_KEY = 'kalamdb-demo.offline'
/** How long the page's origin may take to say who is signed in where the device can do without. */
const KNOWN_MILLIS = 1_000

let session: Session = { phase: 'starting' }
const listeners = new Set<() => void>()

function become(next: Session): void {
  session = next
  for (const listener of listeners) listener()
}

export function useSession(): Session {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    () => session
  )
}

/**
 * Opens what was open the last time, unless the address asks for another user. An account that the page's origin gave is asked
 * for there: another server may have come to this address. Without an answer the device goes by what it knows.
 */
export async function start(): Promise<void> {
  const saved = savedAccount()
  const wanted = wantedUser()
  if (saved !== undefined && saved.from !== 'served' && wanted === undefined) return enter(saved)
  const found = await served(wanted ?? saved?.user, saved === undefined ? undefined : KNOWN_MILLIS).catch(() => undefined)
  if (found !== undefined) await enter({ url: found.url, user: found.user, server: found.server, from: 'served' })
  else if (saved === undefined) become({ phase: 'form' })
  else await enter(saved.from === 'served' ? { ...saved, user: wanted ?? saved.user } : saved)
}

/** Signs in with what was typed in. */
export function signIn(url: string, token: string, user: string): Promise<void> {
  forgetWanted()
  keepToken(token)
  return enter({ url, user, server: null, from: 'form' })
}

export function workAlone(): Promise<void> {
  forgetWanted()
  return enter(NOBODY)
}

/** Opens a database of the account. */
export function openDatabase(account: Account, device = '', isOffline = isKeptOffline()): Promise<Demo> {
  const { url, user } = account
  return open({
    name: databaseName(account, device),
    schema,
    ...(url === null ? {} : { sync: { url, user, token: () => tokenOf(account), start: !isOffline } })
  })
}

/** One of the two devices of the page about sync. */
export const deviceOf = (account: Account, name: DeviceName): Promise<Demo> => openDevice(account, name, openDatabase)

async function enter(account: Account): Promise<void> {
  become({ phase: 'opening', account })
  const began = performance.now()
  try {
    const database = await openDatabase(account)
    note('open the database', performance.now() - began, 0)
    saveAccount(account)
    watch(account, database)
    become({ phase: 'open', account, database })
    if (account.server !== null) void wipeFormer(account.server)
  } catch (error) {
    become({ phase: 'failed', account, error, database: undefined })
  }
}

function watch(account: Account, database: Demo): void {
  database.on('error', (error: KalamError) => {
    if (isOver(database, error) && session.phase === 'open' && session.database === database) become({ phase: 'failed', account, error, database })
    else complain(error)
  })
  database.on('restarted', ({ writes }) => tell(`The database was started again after a crash; ${writes} writes were made again.`))
}

/** Closes what is open, the other devices too. */
async function close(database: Demo | undefined): Promise<void> {
  // What has ended may fail once more, and has nothing to lose any more.
  await Promise.allSettled([database?.close(), closeDevices()])
}

/** Tries again after a failure. */
export async function again(): Promise<void> {
  if (session.phase !== 'failed') return
  const { account, database } = session
  become({ phase: 'opening', account })
  await close(database)
  await (account.from === 'served' ? start() : enter(account))
}

/**
 * Wipes the device and begins anew.
 *
 * @throws KalamError `unsynced_writes` unless what waits may be discarded
 */
export async function signOut(discard: boolean): Promise<void> {
  if (session.phase === 'open') {
    await wipeDevices(session.account, discard, openDatabase)
    await session.database.signOut({ discard })
  }
  await leave()
}

/** Forgets who was signed in; the rows stay on the device. */
export async function leave(): Promise<void> {
  const database = 'database' in session ? session.database : undefined
  forgetAccount()
  forgetToken()
  localStorage.removeItem(OFFLINE_KEY)
  become({ phase: 'starting' })
  await close(database)
  become({ phase: 'form' })
}

/** Whether the application was told to stay offline, the last time too. */
export const isKeptOffline = (): boolean => localStorage.getItem(OFFLINE_KEY) === 'yes'

export function keepOffline(isOffline: boolean): void {
  if (isOffline) localStorage.setItem(OFFLINE_KEY, 'yes')
  else localStorage.removeItem(OFFLINE_KEY)
}
