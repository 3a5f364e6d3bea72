/** A page that writes on and on, and what has to be true of its rows whatever happens to it. */
import { expect } from 'vitest'
import type { Tab } from './tab.js'

export const ids = async (tab: Tab) =>
  (await tab.query<{ id: string }>('SELECT id FROM app.notes ORDER BY id')).map(({ id }) => id)

/** Lets a page write on and on, each row under a key of its own; gives what it was promised so far. */
export async function writing(tab: Tab, prefix: string): Promise<string[]> {
  const promised: string[] = []
  await tab.page.exposeFunction(`promised_${prefix}`, (key: string) => promised.push(key))
  await tab.run(({ db, kept }, name) => {
    const write = async (): Promise<void> => {
      for (let count = 0; kept.stops !== true; count++) {
        const id = `${name}${String(count).padStart(6, '0')}`
        const result = await db.query('INSERT INTO app.notes (id, likes) VALUES ($1, 1)', [id])
        void result
          .persisted()
          .then(() => (globalThis as unknown as Record<string, (key: string) => void>)[`promised_${name}`]?.(id))
        await db.query('UPDATE app.notes SET likes = likes + 1 WHERE id = $1', [id])
      }
    }
    kept.writing = write().catch((error) => (kept.error = `${error.code}: ${error.message}`))
  }, prefix)
  return promised
}

/** Lets it stop; gives its error, if there was one. */
export const stop = (tab: Tab): Promise<string | undefined> =>
  tab.run(async ({ kept }) => {
    kept.stops = true
    await kept.writing
    return kept.error
  })

/** What was promised is there, each row was counted once; the last one of a tab that is gone may lack its addition. */
export async function check(tab: Tab, promised: readonly string[]): Promise<void> {
  const rows = await tab.query<{ id: string; likes: number }>('SELECT id, likes FROM app.notes ORDER BY id')
  const found = new Set(rows.map(({ id }) => id))
  expect(promised.filter((id) => !found.has(id))).toEqual([])
  const odd = rows.filter(({ likes }) => likes !== 2)
  expect(odd.filter(({ likes }) => likes !== 1)).toEqual([])
  expect(odd.length).toBeLessThanOrEqual(1)
}
