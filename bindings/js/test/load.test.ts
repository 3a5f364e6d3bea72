import { afterEach, describe, expect, it, vi } from 'vitest'
import { open } from '../src/index.js'
import { load } from '../src/worker/load.js'

afterEach(() => vi.unstubAllGlobals())

const html = (): Response =>
  new Response('<!doctype html>\n<html lang="en">', { headers: { 'content-type': 'text/html' } })

/** A worker that does what a test says instead of running. */
class DeadWorker {
  onmessage: ((event: { data: unknown }) => void) | null = null
  onerror: ((event: Event) => void) | null = null
  isTerminated = false
  constructor(readonly event?: Partial<ErrorEvent>) {
    const { event: of } = this
    if (of !== undefined)
      setImmediate(() => this.onerror?.(Object.assign(new Event('error', { cancelable: true }), of)))
  }
  postMessage(): void {}
  terminate(): void {
    this.isTerminated = true
  }
}

describe('a worker that does not load', () => {
  const failing = (event: Partial<ErrorEvent>) =>
    open({ name: 'x', worker: () => new DeadWorker(event) as unknown as Worker })

  it('is named with what is there instead, and the mistake that bundlers make', async () => {
    vi.stubGlobal('fetch', async () => html())
    const error = await failing({ filename: 'http://localhost/node_modules/.vite/deps/worker.js' }).catch(
      (error: unknown) => error
    )
    expect(error).toMatchObject({ kind: 'internal', code: 'module_not_loaded' })
    const { message } = error as Error
    expect(message).toContain('from http://localhost/node_modules/.vite/deps/worker.js')
    expect(message).toContain('got text/html that begins with "<!doctype html> <html')
    expect(message).toContain("optimizeDeps: { exclude: ['kalamdb'] }")
  })

  it('is named also where the browser does not say its address', async () => {
    class FailingWorker extends DeadWorker {
      constructor(_: URL) {
        super({})
      }
    }
    vi.stubGlobal('Worker', FailingWorker)
    vi.stubGlobal('fetch', async () => new Response('', { status: 404 }))
    await expect(
      open({ name: 'x', worker: () => new Worker(new URL('http://x/assets/worker-1f.js')) })
    ).rejects.toThrow('from http://x/assets/worker-1f.js (status 404)')
    expect(Worker).toBe(FailingWorker)
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('offline')))
    await expect(open({ name: 'x', worker: () => new Worker(new URL('http://x/worker.js')) })).rejects.toThrow(
      '(it cannot be fetched)'
    )
    await expect(failing({ message: 'boom' })).rejects.toThrow('did not load (boom)')
  })

  it('or cannot be made says so', async () => {
    const worker = (): Worker => {
      throw new DOMException('refused by the policy', 'SecurityError')
    }
    await expect(open({ name: 'x', worker })).rejects.toMatchObject({
      code: 'module_not_loaded',
      message: expect.stringContaining('refused by the policy') as string
    })
  })

  it('or is not ours is given up', async () => {
    vi.useFakeTimers()
    const worker = new DeadWorker()
    const opening = expect(open({ name: 'x', worker: () => worker as unknown as Worker })).rejects.toThrow(
      'does not answer'
    )
    await vi.advanceTimersByTimeAsync(30_000)
    vi.useRealTimers()
    await opening
    expect(worker.isTerminated).toBe(true)
  })
})

describe('a wasm file that does not load', () => {
  const url = new URL('http://x/assets/kalamdb_wasm_bg.wasm')
  const loading = (response: () => Promise<Response>, init = async (): Promise<unknown> => undefined) =>
    load('engine', url, init, response)

  it('is named with what is there instead', async () => {
    await expect(loading(async () => html())).rejects.toMatchObject({
      kind: 'internal',
      code: 'module_not_loaded',
      message: expect.stringContaining(`${url.href} (got a page of HTML`) as string
    })
    await expect(loading(async () => new Response('', { status: 404 }))).rejects.toThrow('(status 404)')
    await expect(loading(() => Promise.reject(new TypeError('refused')))).rejects.toThrow(
      'it cannot be fetched: TypeError: refused'
    )
    await expect(
      loading(
        async () => new Response('x'),
        () => Promise.reject(new WebAssembly.CompileError('expected magic word'))
      )
    ).rejects.toThrow('expected magic word')
  })

  it('is to be had later if the device is offline', async () => {
    vi.stubGlobal('navigator', { onLine: false })
    await expect(loading(() => Promise.reject(new TypeError('x')))).rejects.toMatchObject({
      kind: 'retry',
      code: 'module_not_loaded',
      message: expect.stringContaining('the device is offline') as string
    })
  })

  it('that loads is told with its size', async () => {
    const info = await loading(async () => new Response('x', { headers: { 'content-length': '1234' } }))
    expect(info).toMatchObject({ name: 'engine', bytes: 1234 })
  })
})
