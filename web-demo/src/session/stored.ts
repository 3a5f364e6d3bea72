import { open } from 'kalamdb'
import { serverOf } from './account'

/** The names of this origin's databases; `undefined` where the browser does not tell them. */
export async function storedNames(): Promise<ReadonlySet<string> | undefined> {
  try {
    return new Set((await indexedDB.databases()).flatMap(({ name }) => name ?? []))
  } catch {
    // There is no IndexedDB, or one that is older than this question.
    return undefined
  }
}

/** Wipes what other servers at the page's address have left on the device. What some of them never got stays: it may come back. */
export async function wipeFormer(server: string): Promise<void> {
  for (const name of (await storedNames()) ?? []) {
    const owner = serverOf(name)
    if (owner !== undefined && owner !== server) await wipe(name)
  }
}

async function wipe(name: string): Promise<void> {
  const database = await open({ name }).catch(() => undefined)
  // What does not open, or has something to send, is met again by the next start.
  if (database !== undefined) await database.signOut().catch(() => database.close())
}
