import { KalamError } from 'kalamdb'
import type { Account } from './account'

/** What the page's origin says of its server and the user that is signed in there. */
export interface Served {
  readonly url: string
  readonly token: string
  readonly user: string
  /** The server's id: another one may come to the same address. */
  readonly server: string
}

/** How long the origin may take to say it. */
const SERVED_MILLIS = 5_000
/** The code of the error that another server has come to the page's address. */
export const OTHER_SERVER = 'other_server'
/** A token that was typed in lives as long as the tab. */
const KEY = 'kalamdb-demo.token'

/** What `./kalamdb.json` says, for `user` if one is named; `undefined` if there is no such file, as where the page is served without a server. */
export async function served(user: string | undefined, timeout = SERVED_MILLIS): Promise<Served | undefined> {
  const query = user === undefined ? '' : `?${new URLSearchParams({ user }).toString()}`
  const response = await fetch(`./kalamdb.json${query}`, { cache: 'no-store', signal: AbortSignal.timeout(timeout) })
  if (!response.ok || !(response.headers.get('content-type') ?? '').includes('json')) return undefined
  const answer = (await response.json()) as Partial<Served>
  const { url, token, user: owner, server } = answer
  if (typeof url !== 'string' || typeof token !== 'string' || typeof owner !== 'string' || typeof server !== 'string') return undefined
  return { url: new URL(url, location.href).href, token, user: owner, server }
}

export const keepToken = (token: string): void => sessionStorage.setItem(KEY, token)
export const forgetToken = (): void => sessionStorage.removeItem(KEY)

/** Gives the account's token whenever the database asks for one. */
export async function tokenOf(account: Account): Promise<string> {
  if (account.from === 'served') {
    const answer = await served(account.user)
    if (answer === undefined) throw new KalamError('retry', 'no_token', 'the page’s server does not say who is signed in')
    if (answer.server !== account.server) {
      throw new KalamError('unauthorized', OTHER_SERVER, 'another server is at this address now, and these are the rows of the one before: reload the page')
    }
    if (answer.user !== account.user) {
      throw new KalamError('unauthorized', 'other_user', `the server has signed in ${answer.user}, and these are the rows of ${account.user}: sign out first`)
    }
    return answer.token
  }
  const token = sessionStorage.getItem(KEY)
  if (token === null) throw new KalamError('unauthorized', 'no_token', 'the token was not kept: sign in again')
  return token
}

/** The user that a token names, read without checking it: the server does that. */
export function userOf(token: string): string | undefined {
  try {
    const middle = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')
    const { sub } = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(middle), (char) => char.charCodeAt(0)))) as { sub?: unknown }
    return typeof sub === 'string' && sub !== '' ? sub : undefined
  } catch {
    return undefined
  }
}
