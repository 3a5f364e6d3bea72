import { KalamError } from '../errors.js'

/**
 * The worker of the package. Bundlers find it by just this form; for those that do not, there is `open({ worker })`.
 *
 * @internal
 */
export function spawn(): Worker {
  return new Worker(new URL('../worker.js', import.meta.url), { type: 'module', name: 'kalamdb' })
}

/** @throws KalamError `invalid`/`no_worker` where there are none, as on a server @internal */
export function requireWorkers(): void {
  if (typeof Worker === 'undefined') {
    throw new KalamError(
      'invalid',
      'no_worker',
      'kalamdb runs in browsers, and there are no workers here: call open() in the browser, for example in useEffect or onMounted'
    )
  }
}
