// A KalamDB server with the rows in it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { rows, values } from '../page/data.js'

const START_TIMEOUT_MS = 30_000
const INSERT_ROWS = 1_000
const TABLE =
  'CREATE USER TABLE app.messages (id BIGINT PRIMARY KEY, thread TEXT, author TEXT, body TEXT, stars INT, created TIMESTAMP)'

/**
 * Starts `kalamdb serve --dev` with a directory of its own and fills it.
 * @param {string} binary
 * @param {number} count rows
 * @returns {Promise<{ url: string, token: string, stop: () => Promise<void> }>}
 */
export async function startServer(binary, count) {
  const folder = await mkdtemp(join(tmpdir(), 'kalamdb-bench-server-'))
  // Its own settings come from variables of the same prefix as this benchmark's.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('KALAMDB_')))
  const args = ['serve', '--dev', '--data-dir', folder, '--listen', '127.0.0.1:0']
  const server = spawn(binary, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...env, KALAMDB_LOG: 'warn' } })
  const ended = once(server, 'exit')
  const stop = async () => {
    server.kill('SIGTERM')
    await ended.catch(() => {})
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const { url, tokens } = await announced(server, ended)
    await statements(url, tokens.admin, 'CREATE NAMESPACE app')
    await statements(url, tokens.admin, TABLE)
    const all = rows(count)
    for (let at = 0; at < all.length; at += INSERT_ROWS) {
      const tuples = all.slice(at, at + INSERT_ROWS).map((row) => `(${values({ ...row, created: new Date(row.created).toISOString() }).map(literal).join(',')})`)
      await statements(url, tokens.dev, `INSERT INTO app.messages (id, thread, author, body, stars, created) VALUES ${tuples.join(',')}`)
    }
    return { url, token: tokens.dev, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The address and the tokens by user that the server prints, a line of JSON each. */
async function announced(server, ended) {
  const said = { url: undefined, tokens: {} }
  const reading = (async () => {
    for await (const line of createInterface({ input: server.stdout })) {
      const { ready, token, user } = JSON.parse(line)
      if (ready !== undefined) said.url = ready
      if (token !== undefined) said.tokens[user] = token
      if (said.url !== undefined && said.tokens.dev !== undefined && said.tokens.admin !== undefined) return said
    }
    throw new Error('the server stopped before it was ready')
  })()
  const failed = ended.then(([code]) => Promise.reject(new Error(`the server ended with code ${code}`)))
  failed.catch(() => {})
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the server is not ready after ${START_TIMEOUT_MS / 1_000} s`)), START_TIMEOUT_MS)
  })
  return Promise.race([reading, failed, late]).finally(() => clearTimeout(timer))
}

async function statements(url, token, sql) {
  const response = await fetch(`${url}/v1/sql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ sql }),
  })
  if (!response.ok) throw new Error(`the server answers ${response.status}: ${await response.text()}`)
}

const literal = (value) => (typeof value === 'number' ? String(value) : `'${value.replaceAll("'", "''")}'`)
