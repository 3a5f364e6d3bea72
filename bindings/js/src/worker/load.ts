import { BUNDLER_ADVICE } from '../client/diagnose.js'
import type { ModuleInfo } from '../engine.js'
import { KalamError, plainError } from '../errors.js'

/** Starts a module with what was fetched, as wasm-bindgen's `init` does. */
type Init = (options: { module_or_path: Response }) => Promise<unknown>

/**
 * Fetches and starts a WebAssembly module.
 *
 * @throws KalamError `internal`/`module_not_loaded` that says what stands at the address instead; `retry` if the device is offline
 * @internal
 */
export async function load(
  name: ModuleInfo['name'],
  url: URL,
  init: Init,
  fetcher: (url: URL) => Promise<Response> = fetch
): Promise<ModuleInfo> {
  const start = performance.now()
  const response = await get(name, url, fetcher)
  const header = Number(response.headers.get('content-length') ?? 0)
  try {
    await init({ module_or_path: response })
  } catch (cause) {
    throw notLoaded(name, url, plainError(cause).message, cause)
  }
  return { name, bytes: decodedBytes(url) || header, ms: Math.round(performance.now() - start) }
}

async function get(name: ModuleInfo['name'], url: URL, fetcher: (url: URL) => Promise<Response>): Promise<Response> {
  let response: Response
  try {
    response = await fetcher(url)
  } catch (cause) {
    if (typeof navigator !== 'undefined' && navigator.onLine === false) {
      throw new KalamError(
        'retry',
        'module_not_loaded',
        `${WHAT[name]} did not load from ${url.href}: the device is offline, and the browser has no copy; db.loadQueryModule() fetches it beforehand`,
        { cause }
      )
    }
    throw notLoaded(name, url, `it cannot be fetched: ${plainError(cause).message}`, cause)
  }
  if (!response.ok) throw notLoaded(name, url, `status ${response.status}`)
  const type = response.headers.get('content-type') ?? ''
  if (type.includes('text/html'))
    throw notLoaded(name, url, 'got a page of HTML instead, as development servers answer for files that are not there')
  return response
}

const WHAT = { engine: 'the engine of kalamdb', query: 'the query module of kalamdb' } as const

function notLoaded(name: ModuleInfo['name'], url: URL, why: string, cause?: unknown): KalamError {
  return new KalamError(
    'internal',
    'module_not_loaded',
    `${WHAT[name]} did not load from ${url.href} (${why}). ${BUNDLER_ADVICE}`,
    { cause }
  )
}

/** The size of the WebAssembly, which the header does not tell if it came compressed. */
function decodedBytes(url: URL): number {
  const entry = performance.getEntriesByName(url.href).at(-1) as Partial<PerformanceResourceTiming> | undefined
  return entry?.decodedBodySize ?? 0
}
