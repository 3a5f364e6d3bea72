import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const dist = fileURLToPath(new URL('../dist', import.meta.url))

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.wasm': 'application/wasm'
}

/** What the site says of its server, and where that is. */
export interface Behind {
  readonly port: number
  readonly token: string
  readonly user: string
  readonly server: string
}

/** The built application at an address of its own, as `kalamdb serve --dev` gives it. */
export interface Site {
  readonly url: string
  close(): Promise<void>
  /** Puts another server behind it, as when a demo is started anew at the same address. */
  turnTo(behind: Behind): void
}

/** Serves `dist`; with a server behind it passes `/v1` on and signs its user in. */
export async function serve(first?: Behind): Promise<Site> {
  let behind = first
  if (!existsSync(join(dist, 'index.html'))) throw new Error('dist is not there: run npm run build first')
  const server = createServer((asked, answer) => {
    const path = new URL(asked.url ?? '/', 'http://site').pathname
    if (behind !== undefined && path.startsWith('/v1/')) pass(asked, answer, behind)
    else if (behind !== undefined && path === '/kalamdb.json') {
      answer.setHeader('content-type', 'application/json').end(JSON.stringify({ url: '/', server: behind.server, token: behind.token, user: behind.user }))
    } else file(path, answer)
  })
  // Sockets that speak WebSocket are no longer the server's to close.
  const sockets = new Set<{ destroy(): void }>()
  server.on('upgrade', (asked: IncomingMessage, socket, head) => {
    if (behind === undefined) return socket.destroy()
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    const to = connect(behind.port, '127.0.0.1', () => {
      const headers = Object.entries(asked.headers).map(([name, value]) => `${name}: ${String(value)}`)
      to.write(`${asked.method} ${asked.url} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`)
      to.write(head)
      to.pipe(socket).pipe(to)
    })
    to.on('error', () => socket.destroy())
    socket.on('error', () => to.destroy())
    socket.on('close', () => to.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
        for (const socket of sockets) socket.destroy()
      }),
    turnTo: (next) => {
      behind = next
      for (const socket of sockets) socket.destroy()
    }
  }
}

function file(path: string, answer: ServerResponse): void {
  const name = join(dist, normalize(path === '/' ? '/index.html' : path))
  if (!name.startsWith(dist) || !existsSync(name) || !statSync(name).isFile()) return void answer.writeHead(404).end('not there')
  answer.setHeader('content-type', TYPES[extname(name)] ?? 'application/octet-stream')
  answer.setHeader('content-length', statSync(name).size)
  if (path.startsWith('/assets/')) answer.setHeader('cache-control', 'public, max-age=31536000, immutable')
  createReadStream(name).pipe(answer)
}

function pass(asked: IncomingMessage, answer: ServerResponse, { port }: Behind): void {
  const to = request({ port, host: '127.0.0.1', path: asked.url, method: asked.method, headers: asked.headers }, (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers)
    response.pipe(answer)
  })
  to.on('error', () => answer.writeHead(502).end())
  asked.pipe(to)
}
