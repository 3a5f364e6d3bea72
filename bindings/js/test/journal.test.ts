import { describe, expect, it } from 'vitest'
import { ENTRIES_MAX, Journal, WRITES_SENT_MAX } from '../src/client/journal.js'
import { executePlan } from '../src/client/plans.js'

const plan = (text: string) => executePlan('execute', { text, params: new Uint8Array() })
const write = plan("INSERT INTO app.kv VALUES ('a', 1)")
const writes = (count: number) => plan(Array<string>(count).fill("INSERT INTO app.kv VALUES ('a', 1)").join('; '))

describe('the journal', () => {
  it('sends as many writes as the engine keeps receipts of, and the next ones when some are durable', () => {
    const journal = new Journal()
    const most = WRITES_SENT_MAX.follower
    const entries = Array.from({ length: most + 10 }, () => journal.add(write))
    expect(journal.fitting(entries, most)).toBe(most)
    for (const entry of entries.slice(0, most)) journal.sent(entry)
    expect(journal.fitting(journal.unsent(), most)).toBe(0)
    const replies = entries.slice(0, 5).map(({ id }) => ({ id, commit: id }))
    journal.take({ replies, bytes: '' }, new Uint8Array())
    expect(journal.fitting(journal.unsent(), most), 'answered is not durable').toBe(0)
    journal.take({ replies: [], bytes: '', persisted: 3 }, new Uint8Array())
    expect(journal.fitting(journal.unsent(), most)).toBe(3)
  })

  it('counts what a text writes, and sends one that writes more alone', () => {
    const journal = new Journal()
    const entries = [writes(30), writes(30), writes(30), writes(1_000), write].map((of) => journal.add(of))
    expect(journal.fitting(entries, 64)).toBe(2)
    for (const entry of entries.slice(0, 2)) journal.sent(entry)
    expect(journal.fitting(journal.unsent(), 64)).toBe(0)
    for (const [at, entry] of entries.entries()) {
      if (at > 1) journal.sent(entry)
      journal.take({ replies: [{ id: entry.id, commit: entry.id }], bytes: '', persisted: entry.id }, new Uint8Array())
      if (at === 2) expect(journal.fitting(journal.unsent(), 64)).toBe(1)
    }
    expect(journal.size).toBe(0)
  })

  it('ends somewhere, and says so', () => {
    const journal = new Journal()
    for (let at = 0; at < ENTRIES_MAX; at++) journal.add(write)
    expect(() => journal.add(write)).toThrow(
      expect.objectContaining({ kind: 'retry', code: 'too_many_calls', message: expect.stringContaining('await some') })
    )
  })
})
