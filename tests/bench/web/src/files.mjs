// The web server of the pages. It sends no COOP and COEP headers: KalamDB does not ask for them, and no peer gets them.

import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { extname, join, normalize } from 'node:path'
import { rows } from '../page/data.js'

const TYPES = {
  '.css': 'text/css',
  '.data': 'application/octet-stream',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
}
/** Names of files in this folder contain a hash of what is in them. */
const HASHED = '/assets/'
const FOR_EVER = 'public, max-age=31536000, immutable'

/**
 * Serves a folder, and `/rows.ndjson?rows=N`, on a free port of this machine.
 * @param {string} folder
 * @returns {Promise<{ url: string, taken: () => Map<string, Buffer>, close: () => Promise<void> }>} `taken` gives the
 *   files by path that were asked for since it was last called
 */
export async function serveFiles(folder) {
  let asked = new Map()
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost')
    if (pathname === '/rows.ndjson') {
      response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' }).end(ndjson(Number(searchParams.get('rows'))))
      return
    }
    try {
      const body = await readFile(join(folder, normalize(pathname)))
      asked.set(pathname, body)
      const headers = {
        'content-type': TYPES[extname(pathname)] ?? 'application/octet-stream',
        'content-length': body.length,
        'cache-control': pathname.startsWith(HASHED) ? FOR_EVER : 'no-cache',
      }
      response.writeHead(200, headers).end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    taken() {
      const files = asked
      asked = new Map()
      return files
    },
    close: () =>
      new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      }),
  }
}

const texts = new Map()

/** The rows as NDJSON, made once. */
function ndjson(count) {
  let text = texts.get(count)
  if (text === undefined) {
    text = Buffer.from(rows(count).map((row) => `${JSON.stringify(row)}\n`).join(''))
    texts.set(count, text)
  }
  return text
}
