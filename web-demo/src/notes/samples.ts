import type { InsertOf } from 'kalamdb'
import type { Demo, schema } from '../database/schema'

type NewNote = InsertOf<typeof schema, 'notes'>

/** Rows of one transaction: few enough to be made between two frames. */
const ROWS_AT_ONCE = 125
/** The samples are spread over so many days before today. */
const DAYS = 540
const DAY_MILLIS = 86_400_000

const TOPICS = ['work', 'home', 'reading', 'travel', 'garden', 'recipes', 'ideas', 'health']
const VERBS = ['Call', 'Write to', 'Ask', 'Plan with', 'Thank', 'Visit', 'Pay', 'Remind', 'Invite', 'Meet']
const PEOPLE = ['Ada', 'the library', 'Grace', 'the landlord', 'Noor', 'the dentist', 'Yusuf', 'the museum', 'Ines', 'the bakery', 'Tomas', 'the garage']
const ABOUT = ['the summer trip', 'new shelves', 'the invoice', 'a bicycle', 'the reading group', 'seedlings', 'tickets', 'the quarterly report', 'a birthday', 'the old piano']
const THOUGHTS = ['Notes on', 'Questions about', 'A list for', 'First draft of', 'What to remember of', 'Sources for', 'Ideas for']

/** Inserts so many sample notes; `progress` is told how many are there. */
export async function insertSamples(db: Demo, amount: number, progress: (inserted: number) => void): Promise<void> {
  const now = Date.now()
  for (let done = 0; done < amount; done += ROWS_AT_ONCE) {
    const rows = Array.from({ length: Math.min(ROWS_AT_ONCE, amount - done) }, () => sample(now))
    await db.tables.notes.insert(rows)
    progress(done + rows.length)
  }
}

function sample(now: number): NewNote {
  const isTask = Math.random() < 0.55
  const about = pick(ABOUT)
  const title = isTask ? `${pick(VERBS)} ${pick(PEOPLE)} about ${about}` : `${pick(THOUGHTS)} ${about}`
  return {
    kind: isTask ? 'task' : 'note',
    title,
    body: `${title}.\n\nWritten by the sample button, to have something to search in.`,
    topic: pick(TOPICS),
    stars: Math.random() < 0.8 ? 0 : 1 + Math.floor(Math.random() * 5),
    done: isTask && Math.random() < 0.4,
    likes: Math.random() < 0.85 ? 0 : Math.floor(Math.random() * 12),
    created: new Date(now - Math.random() * DAYS * DAY_MILLIS)
  }
}

const pick = (words: readonly string[]): string => words[Math.floor(Math.random() * words.length)] ?? ''
