/** Who uses the application and where the server is. Kept on the device, so that it starts without a network. */
export interface Account {
  /** None: without a server. */
  readonly url: string | null
  readonly user: string
  /** `served`: the page's origin gives the token; `form`: it was typed in. */
  readonly from: 'served' | 'form' | 'nowhere'
}

const KEY = 'kalamdb-demo.account'
/** A database's name has at most 128 characters. */
const NAME_PART_MAX = 100

/** Without a server the rows are nobody's in particular. */
export const NOBODY: Account = { url: null, user: 'local', from: 'nowhere' }

export function savedAccount(): Account | undefined {
  try {
    const saved = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Partial<Account> | null
    if (typeof saved?.user !== 'string' || (saved.from !== 'served' && saved.from !== 'form' && saved.from !== 'nowhere')) return undefined
    return { url: typeof saved.url === 'string' ? saved.url : null, user: saved.user, from: saved.from }
  } catch {
    return undefined
  }
}

export const saveAccount = (account: Account): void => localStorage.setItem(KEY, JSON.stringify(account))

export const forgetAccount = (): void => localStorage.removeItem(KEY)

/**
 * The database's name on this device: one for each user of each server. `device` tells the two of the page about sync apart.
 */
export function databaseName({ user, url, from }: Account, device = ''): string {
  const owner = from === 'form' && url !== null ? `${new URL(url).host}-${user}` : user
  return `kalamdb-demo-${owner.slice(0, NAME_PART_MAX)}${device === '' ? '' : `-${device}`}`
}
