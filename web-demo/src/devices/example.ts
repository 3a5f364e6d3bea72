import type { Demo } from '../database/schema'

/** How long both may take to hear of the first rows. */
const SYNC_MILLIS = 20_000

const ROWS = [
  { id: 'bread', item: 'Bread', price: 4, remark: '', done: false },
  { id: 'lamp', item: 'Desk lamp', price: 35, remark: '', done: false },
  { id: 'tea', item: 'Green tea', price: 6, remark: '', done: false }
]

/** The same three rows on both. */
export async function begin(a: Demo, b: Demo): Promise<void> {
  await Promise.all([a.sync.start(), b.sync.start()])
  await a.sync.waitFor('synced', { timeout: SYNC_MILLIS })
  await a.transaction(async (tx) => {
    await tx.sql`DELETE FROM demo.board`
    await tx.tables.board.insert(ROWS)
  })
  await a.sync.waitFor('synced', { timeout: SYNC_MILLIS })
  await b.sync.waitFor('synced', { timeout: SYNC_MILLIS })
}

/** Both go offline and edit the same rows. */
export async function editApart(a: Demo, b: Demo): Promise<void> {
  await Promise.all([a.sync.stop(), b.sync.stop()])
  await a.tables.board.update('tea', { price: 7 })
  await b.tables.board.update('tea', { remark: 'the loose one' })
  await a.tables.board.add('bread', { amount: 2 })
  await b.tables.board.add('bread', { amount: 3 })
  await a.tables.board.delete('lamp')
  await b.tables.board.update('lamp', { remark: 'with a green shade' })
}

/** Both connect again and become equal. */
export async function reconnect(a: Demo, b: Demo): Promise<void> {
  await a.sync.start()
  await a.sync.waitFor('synced', { timeout: SYNC_MILLIS })
  await b.sync.start()
  await b.sync.waitFor('synced', { timeout: SYNC_MILLIS })
}
