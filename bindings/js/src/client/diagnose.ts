import { KalamError } from '../errors.js'

/** Bytes of a wrong file that a message shows. */
const SHOWN_CHARACTERS_MAX = 60

/** What to do about files that are not found, by bundler. @internal */
export const BUNDLER_ADVICE =
  "With Vite before 8 add optimizeDeps: { exclude: ['kalamdb'] } to its configuration; webpack 5 needs nothing; with other bundlers copy kalamdb's dist folder to your assets and pass worker: () => new Worker('/…/worker.js', { type: 'module' }) to open()"

/** Why a worker does not run: what stands at its address. @internal */
export async function workerFailure(spawn: () => unknown, event?: Event): Promise<KalamError> {
  const { message = '', filename = '' } = (event ?? {}) as Partial<ErrorEvent>
  const url = filename || addressOf(spawn)
  const where = url === '' ? '' : ` from ${url}`
  const got = url === '' ? '' : await found(url)
  const why = [got, message].filter((part) => part !== '').join('; ')
  const silent =
    event === undefined
      ? 'the worker of kalamdb does not answer: it is not kalamdb/worker, or its script does not come'
      : 'the worker of kalamdb did not load'
  return new KalamError(
    'internal',
    'module_not_loaded',
    `${silent}${where}${why === '' ? '' : ` (${why})`}. ${BUNDLER_ADVICE}`
  )
}

/** The address that a function makes a worker of. Bundlers rename the script, so that only the call itself knows it. */
function addressOf(spawn: () => unknown): string {
  let address = ''
  const real = globalThis.Worker
  class Recorder {
    constructor(url: string | URL) {
      address = String(url)
    }
  }
  try {
    globalThis.Worker = Recorder as unknown as typeof Worker
    spawn()
  } catch {
    // The address is missing from the message, then.
  } finally {
    globalThis.Worker = real
  }
  return address
}

/** What stands at an address instead of a script, in a few words. */
async function found(url: string): Promise<string> {
  try {
    return describe(await fetch(url))
  } catch {
    return 'it cannot be fetched'
  }
}

async function describe(response: Response): Promise<string> {
  if (!response.ok) return `status ${response.status}`
  const type = response.headers.get('content-type') ?? 'no content type'
  if (/javascript|ecmascript/.test(type)) return ''
  const start = (await response.text()).slice(0, SHOWN_CHARACTERS_MAX).replace(/\s+/g, ' ').trim()
  return `got ${type} that begins with ${JSON.stringify(start)}`
}
