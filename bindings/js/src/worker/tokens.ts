import { KalamError } from '../errors.js'
import type { AttachedTab } from './attached.js'
import type { Environment } from './environment.js'

/** How long a tab may take to give a token before another one is asked. */
const TOKEN_MILLIS = 30_000

/**
 * Asks tabs for a token, the engine's own first: a tab may be frozen or gone.
 *
 * @throws what the application threw, or KalamError `unauthorized`/`no_token` if no tab has a token to give
 * @internal
 */
export async function askTabs(tabs: readonly AttachedTab[], environment: Environment): Promise<string> {
  const able = tabs.filter((tab) => tab.info.tokens).sort((a, b) => Number(a.isRemote) - Number(b.isRemote))
  let failure: unknown = new KalamError(
    'unauthorized',
    'no_token',
    'no tab has a token: pass sync: { url, token } to open()'
  )
  for (const tab of able) {
    try {
      return await within(tab.port.ask(), environment)
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

function within(token: Promise<string>, environment: Environment): Promise<string> {
  return new Promise((resolve, reject) => {
    const cancel = environment.after(TOKEN_MILLIS, () =>
      reject(
        new KalamError('retry', 'token_timeout', `the application gave no token within ${TOKEN_MILLIS / 1000} seconds`)
      )
    )
    token.then(resolve, reject).finally(cancel)
  })
}
