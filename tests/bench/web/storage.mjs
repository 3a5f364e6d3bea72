// Three ways to keep rows in a browser, without a database around them: one IndexedDB record for each row, the log and the
// pages of store-wasm, and a file of the origin private file system. docs/decisions/0002-browser-store.md quotes it.
//
//   node storage.mjs [--rows 100000]
import { createServer } from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'

import { findChromium } from './src/browser.mjs'

const { values } = parseArgs({ options: { rows: { type: 'string', default: '100000' } } })
const rows = Number(values.rows)

/** Runs in a worker: storage is measured where the engine is. */
function measure(rows) {
  const ROW_BYTES = 132
  const BATCH = 1000
  const PAGE_BYTES = 256 * 1024
  const SMALL = 500
  const row = new Uint8Array(ROW_BYTES).map((_, at) => at * 7)
  const many = (count) => new Uint8Array(count * ROW_BYTES).fill(7)
  const request = (of) =>
    new Promise((resolve, reject) => {
      of.onsuccess = () => resolve(of.result)
      of.onerror = () => reject(of.error)
    })
  // As the store does, each transaction spans all object stores, so that a compaction cannot come between.
  const open = (name, stores = ['s']) => {
    const opening = indexedDB.open(name, 1)
    opening.onupgradeneeded = () => stores.forEach((store) => opening.result.createObjectStore(store))
    return request(opening)
  }
  const write = (db, durability, work) =>
    new Promise((resolve, reject) => {
      const transaction = db.transaction([...db.objectStoreNames], 'readwrite', { durability })
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error)
      work(transaction.objectStore('s'))
      transaction.commit()
    })
  const timed = async (work) => {
    const start = performance.now()
    await work()
    return performance.now() - start
  }
  const all = async (name) => {
    const db = await open(name)
    const values = await request(db.transaction(['s']).objectStore('s').getAll())
    const bytes = values.reduce((sum, value) => sum + value.length, 0)
    db.close()
    return bytes
  }

  const byRow = async () => {
    const db = await open('rows')
    let key = 0
    const bulk = await timed(async () => {
      for (let done = 0; done < rows; done += BATCH) {
        await write(db, 'strict', (store) => {
          for (let at = 0; at < BATCH; at++) store.put(row, key++)
        })
      }
    })
    const small = await timed(async () => {
      for (let at = 0; at < SMALL; at++) await write(db, 'strict', (store) => store.put(row, key++))
    })
    db.close()
    return { bulk, small: small / SMALL, reopen: await timed(() => all('rows')) }
  }

  const logAndPages = async () => {
    const db = await open('log', ['s', 'pages', 'head'])
    let key = 0
    const bulk = await timed(async () => {
      for (let done = 0; done < rows; done += BATCH) await write(db, 'strict', (store) => store.add(many(BATCH), key++))
    })
    const small = await timed(async () => {
      for (let at = 0; at < SMALL; at++) await write(db, 'strict', (store) => store.add(row, key++))
    })
    // Compaction: pages are written, the log goes.
    const compact = await timed(() =>
      write(db, 'strict', (store) => {
        store.clear()
        for (let bytes = 0; bytes < rows * ROW_BYTES; bytes += PAGE_BYTES) store.put(new Uint8Array(PAGE_BYTES).fill(5), key++)
      })
    )
    db.close()
    return { bulk, small: small / SMALL, compact, reopen: await timed(() => all('log')) }
  }

  const file = async () => {
    const root = await navigator.storage.getDirectory()
    const handle = await root.getFileHandle('rows', { create: true })
    let access = await handle.createSyncAccessHandle()
    let at = 0
    const append = (bytes) => {
      at += access.write(bytes, { at })
      access.flush()
    }
    const bulk = await timed(async () => {
      for (let done = 0; done < rows; done += BATCH) append(many(BATCH))
    })
    const small = await timed(async () => {
      for (let count = 0; count < SMALL; count++) append(row)
    })
    access.close()
    const reopen = await timed(async () => {
      access = await handle.createSyncAccessHandle()
      access.read(new Uint8Array(access.getSize()), { at: 0 })
      access.close()
    })
    return { bulk, small: small / SMALL, reopen }
  }

  return (async () => ({
    'one record for each row': await byRow(),
    'log and pages, as store-wasm has them': await logAndPages(),
    'file of the origin': await file()
  }))()
}

const server = createServer((request, response) => {
  if (request.url === '/worker.js') {
    response.setHeader('content-type', 'text/javascript')
    return response.end(`(${measure})(${rows}).then((result) => postMessage(result), (error) => postMessage({ error: String(error) }))`)
  }
  response.setHeader('content-type', 'text/html')
  response.end('<!doctype html><title>storage</title>')
})
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const profile = mkdtempSync(join(tmpdir(), 'kalamdb-storage-'))
const browser = await chromium.launchPersistentContext(profile, { executablePath: await findChromium(), args: ['--no-sandbox'] })
try {
  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${server.address().port}/`)
  const result = await page.evaluate(
    () => new Promise((resolve) => (new Worker('/worker.js').onmessage = ({ data }) => resolve(data)))
  )
  if (result.error !== undefined) throw new Error(result.error)
  const cell = (value, digits) => (value === undefined ? '–' : value.toFixed(digits)).padStart(12)
  console.log(`${rows} rows of 132 bytes, 1000 in a strict transaction; milliseconds`)
  console.log(`${''.padEnd(28)}${['bulk load', 'small write', 'compaction', 'read back'].map((name) => name.padStart(12)).join('')}`)
  for (const [name, { bulk, small, compact, reopen }] of Object.entries(result)) {
    console.log(`${name.padEnd(28)}${cell(bulk, 0)}${cell(small, 2)}${cell(compact, 0)}${cell(reopen, 0)}`)
  }
} finally {
  await browser.close()
  server.close()
  rmSync(profile, { recursive: true, force: true })
}
