import { KalamError } from 'kalamdb'
import type { Account } from './account'

/** What the page's origin says of its server and the user that is signed in there. */
export interface Served {
  readonly url: string
  readonly token: string
  readonly user: string
}

/** How long the origin may take to say it. */
const SERVED_MILLIS = 5_000
/** A token that was typed in lives as long as the tab. */
const KEY = 'kalamdb-demo.token'

/** What `./kalamdb.json` says, for the user that the page is asked for as in `?user=UA`; `undefined` if there is no such file, as with a development server. */
export async function served(): Promise<Served | undefined> {
  const response = await fetch(`./kalamdb.json${location.search}`, { cache: 'no-store', signal: AbortSignal.timeout(SERVED_MILLIS) })
  if (!response.ok || !(response.headers.get('content-type') ?? '').includes('json')) return undefined
  const answer = (await response.json()) as Partial<Served>
  if (typeof answer.url !== 'string' || typeof answer.token !== 'string' || typeof answer.user !== 'string') return undefined
  return { url: new URL(answer.url, location.href).href, token: answer.token, user: answer.user }
}

export const keepToken = (token: string): void => sessionStorage.setItem(KEY, token)
export const forgetToken = (): void => sessionStorage.removeItem(KEY)

/** Gives the account's token whenever the database asks for one. */
export async function tokenOf(account: Account): Promise<string> {
  if (account.from === 'served') {
    const answer = await served()
    if (answer === undefined) throw new KalamError('retry', 'no_token', 'the page’s server does not say who is signed in')
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
