// Notes to be looked at in pictures: the newest ones, above the samples.

/** Makes the samples the same ones each time. */
export const SAMPLES_SEED = `{
  let state = 7
  Math.random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}`

/** Twelve notes in one statement. */
export const NOTES = `INSERT INTO demo.notes (id, kind, title, body, topic, stars, done, likes, created) VALUES
${[
  ['note', 'Three days in Lisbon in May', 'Train from the airport to Oriente.\\n\\nDay 1: Alfama on foot, tram 28 early, before nine.\\nDay 2: Belém, the tile museum in the afternoon.\\nDay 3: by train to Sintra.\\n\\nAsk Ines for the bakery near the castle.', 'travel', 5, false, 4],
  ['task', 'Renew the passport before the end of March', '', 'travel', 0, false, 0],
  ['task', 'Send the invoice for October', '', 'work', 3, true, 0],
  ['note', 'Questions for the review on Thursday', '', 'work', 0, false, 2],
  ['task', 'Book a table for eight on the 12th', '', 'home', 0, false, 1],
  ['note', 'Lentil soup, the one with lemon', '', 'recipes', 4, false, 9],
  ['task', 'Return the drill to Tomas', '', 'home', 0, true, 0],
  ['note', 'Books that Noor recommended', '', 'reading', 2, false, 3],
  ['task', 'Order seed potatoes', '', 'garden', 0, false, 0],
  ['task', 'Call the dentist about the appointment', '', 'health', 1, true, 0],
  ['note', 'Ideas for a shelf under the stairs', '', 'ideas', 0, false, 1],
  ['task', 'Back up the photos of the summer', '', 'home', 0, false, 0]
]
  .map(([kind, title, body, topic, stars, done, likes], at) => {
    const text = (value: unknown): string => `'${String(value).replaceAll('\\n', '\n').replaceAll("'", "''")}'`
    const created = new Date(Date.now() - at * 420_000).toISOString()
    return `(${[text(crypto.randomUUID()), ...[kind, title, body, topic].map(text), stars, done, likes, text(created)].join(', ')})`
  })
  .join(',\n')}`
