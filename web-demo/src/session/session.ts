import { type KalamError, open } from 'kalamdb'
import { useSyncExternalStore } from 'react'
import { type Demo, schema } from '../database/schema'
import { note } from '../database/timings'
import { complain, tell } from '../ui/toasts'
import { type Account, databaseName, forgetAccount, NOBODY, savedAccount, saveAccount } from './account'
import { type DeviceName, openDevice, wipeDevices } from './devices'
import { forgetToken, keepToken, served, tokenOf } from './token'

/** Where the application stands between its start and an open database. */
export type Session =
  | { readonly phase: 'starting' }
  | { readonly phase: 'form' }
  | { readonly phase: 'opening'; readonly account: Account }
  | { readonly phase: 'open'; readonly account: Account; readonly database: Demo }
  | { readonly phase: 'failed'; readonly account: Account; readonly error: unknown }

const OFFLINE_KEY = 'kalamdb-demo.offline'

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

/** Opens what was open the last time, without asking anyone; else asks the page's origin. */
export async function start(): Promise<void> {
  const saved = savedAccount()
  if (saved !== undefined) return enter(saved)
  const found = await served().catch(() => undefined)
  if (found === undefined) become({ phase: 'form' })
  else await enter({ url: found.url, user: found.user, from: 'served' })
}

/** Signs in with what was typed in. */
export function signIn(url: string, token: string, user: string): Promise<void> {
  keepToken(token)
  return enter({ url, user, from: 'form' })
}

export const workAlone = (): Promise<void> => enter(NOBODY)

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
  } catch (error) {
    become({ phase: 'failed', account, error })
  }
}

function watch(account: Account, database: Demo): void {
  database.on('error', (error: KalamError) => {
    // Signed out in another tab, or the store is gone: nothing works until it is opened again.
    if (error.kind === 'closed' && session.phase === 'open') become({ phase: 'failed', account, error })
    else complain(error)
  })
  database.on('restarted', ({ writes }) => tell(`The database was started again after a crash; ${writes} writes were made again.`))
}

/** Tries again after a failure. */
export function again(): void {
  if (session.phase === 'failed') void enter(session.account)
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
  leave()
}

/** Forgets who was signed in; the rows stay on the device. */
export function leave(): void {
  forgetAccount()
  forgetToken()
  localStorage.removeItem(OFFLINE_KEY)
  become({ phase: 'form' })
}

/** Whether the application was told to stay offline, the last time too. */
export const isKeptOffline = (): boolean => localStorage.getItem(OFFLINE_KEY) === 'yes'

export function keepOffline(isOffline: boolean): void {
  if (isOffline) localStorage.setItem(OFFLINE_KEY, 'yes')
  else localStorage.removeItem(OFFLINE_KEY)
}
