import { sql } from 'kalamdb'
import type { Note } from '../database/schema'

/** A note as the list shows it. Its text is read when it is opened. */
export interface NoteLine extends Omit<Note, 'body'> {
  /** The transaction of the server's log that wrote it last; null while the write waits. */
  readonly _seq: bigint | null
}

export const ALL_LINES = sql<NoteLine>`
  SELECT id, kind, title, topic, stars, done, likes, created, _seq FROM demo.notes ORDER BY created DESC`

export type Show = 'all' | 'open' | 'done' | 'starred'

/** What of the notes is wanted. */
export interface Wanted {
  readonly text: string
  /** Empty: all topics. */
  readonly topic: string
  readonly show: Show
}

/** Rows stay the same objects until they change, and so do their texts for searching. */
const haystacks = new WeakMap<NoteLine, string>()

function haystack(line: NoteLine): string {
  let text = haystacks.get(line)
  if (text === undefined) {
    text = `${line.title} ${line.topic}`.toLowerCase()
    haystacks.set(line, text)
  }
  return text
}

/** The lines that are wanted, in the order they come in. */
export function filterLines(lines: readonly NoteLine[], { text, topic, show }: Wanted): readonly NoteLine[] {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== '')
  if (words.length === 0 && topic === '' && show === 'all') return lines
  return lines.filter((line) => {
    if (topic !== '' && line.topic !== topic) return false
    if (show === 'open' && (line.kind !== 'task' || line.done)) return false
    if (show === 'done' && !line.done) return false
    if (show === 'starred' && line.stars === 0) return false
    return words.every((word) => haystack(line).includes(word))
  })
}

/** Topics with the number of their notes, the largest first. */
export function topicsOf(lines: readonly NoteLine[]): readonly (readonly [topic: string, notes: number])[] {
  const counts = new Map<string, number>()
  for (const { topic } of lines) counts.set(topic, (counts.get(topic) ?? 0) + 1)
  return [...counts].sort(([a, of], [b, other]) => other - of || a.localeCompare(b))
}
