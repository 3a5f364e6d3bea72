import { defineSchema, type Database, type RowOf, sql, t } from 'kalamdb'

/** The tables of this application. The server learns them from the first device that it meets. */
export const schema = defineSchema('demo', {
  notes: {
    id: t.uuid().primaryKey().default(sql`UUID_V7()`),
    kind: t.text().notNull().default('note').check("kind IN ('note', 'task')"),
    title: t.text().notNull(),
    body: t.text(),
    topic: t.text().notNull().default('inbox'),
    stars: t.int().notNull().default(0).check('stars BETWEEN 0 AND 5'),
    done: t.boolean().notNull().default(false),
    likes: t.counter(),
    created: t.timestamp().notNull().default(sql`NOW()`)
  },
  board: {
    id: t.text().primaryKey(),
    item: t.text().notNull(),
    price: t.int().notNull().default(0).check('price BETWEEN 0 AND 999'),
    remark: t.text().notNull().default(''),
    amount: t.counter(),
    done: t.boolean().notNull().default(false)
  }
})

export type DemoTables = (typeof schema)['~tables']
export type Demo = Database<DemoTables>
export type Note = RowOf<typeof schema, 'notes'>
export type BoardRow = RowOf<typeof schema, 'board'>
