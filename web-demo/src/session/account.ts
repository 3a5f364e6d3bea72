/** Who uses the application and where the server is. Kept on the device, so that it starts without a network. */
export interface Account {
  /** None: without a server. */
  readonly url: string | null
  readonly user: string
  /** The id of the server that the page's origin has; none if the origin does not give the token. */
  readonly server: string | null
  /** `served`: the page's origin gives the token; `form`: it was typed in. */
  readonly from: 'served' | 'form' | 'nowhere'
}

const KEY = 'kalamdb-demo.account'
/** A database's name has at most 128 characters. */
const NAME_PART_MAX = 113

/** Without a server the rows are nobody's in particular. */
export const NOBODY: Account = { url: null, user: 'local', server: null, from: 'nowhere' }

export function savedAccount(): Account | undefined {
  try {
    const saved = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Partial<Account> | null
    if (typeof saved?.user !== 'string' || (saved.from !== 'served' && saved.from !== 'form' && saved.from !== 'nowhere')) return undefined
    const server = typeof saved.server === 'string' ? saved.server : null
    if (saved.from === 'served' && server === null) return undefined
    return { url: typeof saved.url === 'string' ? saved.url : null, user: saved.user, server, from: saved.from }
  } catch {
    return undefined
  }
}

export const saveAccount = (account: Account): void => localStorage.setItem(KEY, JSON.stringify(account))

export const forgetAccount = (): void => localStorage.removeItem(KEY)

/**
 * The database's name on this device: one for each user of each server. `device` tells the two of the page about sync apart.
 */
export function databaseName({ user, url, server, from }: Account, device = ''): string {
  // At one address there may be one server after the other, as with `cargo xtask demo`.
  const of = server ?? (from === 'form' && url !== null ? new URL(url).host : undefined)
  const owner = of === undefined ? user : `${of}-${user}`
  return `kalamdb-demo-${owner.slice(0, NAME_PART_MAX)}${device === '' ? '' : `-${device}`}`
}

/** The id of the server in the name of a database, if it is of one at the page's origin. */
export const serverOf = (database: string): string | undefined => /^kalamdb-demo-([0-9a-f]{32})-/.exec(database)?.[1]

/** The user that the page's address asks for, as in `?user=UA`. */
export function wantedUser(): string | undefined {
  const wanted = new URLSearchParams(location.search).get('user') ?? ''
  return wanted === '' ? undefined : wanted
}

/** From now on the address asks for nobody: the next start would listen to it. */
export const forgetWanted = (): void => history.replaceState(null, '', `${location.pathname}${location.hash}`)
