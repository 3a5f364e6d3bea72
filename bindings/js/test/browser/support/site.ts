/** A site of static files on this machine: the package as it is built, and the page of the tests. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'

export const PACKAGE = join(import.meta.dirname, '../../..')
const DIST = join(PACKAGE, 'dist')

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.map': 'application/json',
  '.json': 'application/json',
  '.wasm': 'application/wasm'
}

/** What stands at an address instead of the file. */
export interface Answer {
  readonly status?: number
  readonly type?: string
  readonly body?: string | Buffer
  /** Is sent once this is resolved. */
  readonly after?: Promise<unknown>
}

export class Site {
  /** Answers by path, instead of files. */
  readonly answers = new Map<string, Answer>()
  /** How long browsers keep files. */
  cacheControl = 'no-cache'
  readonly #roots: readonly (readonly [prefix: string, folder: string])[]
  readonly #files = new Map<string, { body: Buffer; tag: string }>()
  readonly #server: Server

  /** Files by the beginnings of their paths. */
  constructor(
    roots: readonly (readonly [prefix: string, folder: string])[] = [
      ['/dist/', DIST],
      ['/', import.meta.dirname]
    ]
  ) {
    this.#roots = roots
    this.#server = createServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://site').pathname
      void this.#answer(path, request.headers['if-none-match']).then(({ status, headers, body }) => {
        response.writeHead(status, headers)
        response.end(body)
      })
    })
  }

  async start(): Promise<this> {
    if (!existsSync(join(DIST, 'wasm/engine')))
      throw new Error('bindings/js/dist is not there: run `npm run build`, after `cargo xtask web`')
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(
    path: string,
    known: string | undefined
  ): Promise<{ status: number; headers: Record<string, string>; body: string | Buffer }> {
    const instead = this.answers.get(path)
    if (instead !== undefined) {
      await instead.after
      const { status = 200, type = 'text/html', body = '' } = instead
      return { status, headers: { 'content-type': type, 'cache-control': 'no-store' }, body }
    }
    if (path === '/') return this.#answer('/page.html', known)
    const file = this.#file(path)
    if (file === undefined) return { status: 404, headers: { 'content-type': 'text/html' }, body: 'not found' }
    const headers = {
      'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
      'cache-control': this.cacheControl,
      etag: file.tag
    }
    return known === file.tag ? { status: 304, headers, body: '' } : { status: 200, headers, body: file.body }
  }

  #file(path: string): { body: Buffer; tag: string } | undefined {
    const kept = this.#files.get(path)
    if (kept !== undefined) return kept
    const [prefix, folder] = this.#roots.find(([start]) => path.startsWith(start)) ?? []
    if (prefix === undefined || folder === undefined) return undefined
    const file = join(folder, normalize(`/${decodeURIComponent(path.slice(prefix.length))}`))
    if (!existsSync(file)) return undefined
    const body = readFileSync(file)
    const read = { body, tag: `"${createHash('sha256').update(body).digest('base64url')}"` }
    this.#files.set(path, read)
    return read
  }
}
