import { describe, expect, it } from 'vitest'
import { defineSchema, open, sql, t } from '../src/index.js'
import { World } from './support/world.js'

describe('sql', () => {
  it('makes parameters of values, in order', () => {
    const query = sql`SELECT ${1}, ${'a'} FROM x WHERE a = ${null}`
    expect(query.text).toBe('SELECT $1, $2 FROM x WHERE a = $3')
    expect(query.values).toEqual([1, 'a', null])
  })

  it('gives the same text for the same template', () => {
    const of = (value: number) => sql`SELECT ${value}`
    expect(of(1).text).toBe(of(2).text)
    expect(of(2).values).toEqual([2])
  })

  it('puts fragments in where they stand, however deep', () => {
    const a = sql`a = ${1}`
    const both = sql`(${a} OR b = ${2})`
    const query = sql`SELECT * FROM t WHERE ${both} AND c = ${3} AND ${a}`
    expect(query.text).toBe('SELECT * FROM t WHERE (a = $1 OR b = $2) AND c = $3 AND a = $4')
    expect(query.values).toEqual([1, 2, 3, 1])
    expect(sql`${sql``}${sql`x`}`.text).toBe('x')
  })

  it('keeps digits behind a value apart from its number', () => {
    expect(sql`SELECT ${1}0`.text).toBe('SELECT $1 0')
    expect(sql`SELECT ${sql`${1}`}0`.text).toBe('SELECT $1 0')
  })

  it('quotes names', () => {
    expect(sql`SELECT ${sql.id('we"ird')} FROM ${sql.id('app', 'notes')}`.text).toBe(
      'SELECT "we""ird" FROM "app"."notes"'
    )
    for (const names of [[], [''], ['a\u0000'], [5 as never]])
      expect(() => sql.id(...names)).toThrow(expect.objectContaining({ code: 'bad_identifier' }))
  })

  it('joins', () => {
    const list = sql`IN (${sql.join([1, sql`NOW()`, 'x'])})`
    expect(list.text).toBe('IN ($1, NOW(), $2)')
    expect(list.values).toEqual([1, 'x'])
    expect(sql.join([sql`a`, sql`b`], sql` AND `).text).toBe('a AND b')
    expect(() => sql.join([])).toThrow(expect.objectContaining({ code: 'nothing_to_join' }))
  })

  it('takes queries and tables as fragments, and not numbered texts', async () => {
    const world = new World()
    const schema = defineSchema('app', { kv: { k: t.text().primaryKey(), v: t.int() } })
    const db = await world.open({ schema })
    const inner = db.sql`SELECT k FROM ${db.tables.kv} WHERE v > ${1}`
    expect(sql`SELECT * FROM (${inner})`.text).toBe('SELECT * FROM (SELECT k FROM "app"."kv" WHERE v > $1)')
    expect(sql`${db.query('SELECT 1')}`.text).toBe('SELECT 1')
    expect(() => sql`${db.query('SELECT $1', [1])} ${2}`.text).toThrow(
      expect.objectContaining({ code: 'not_a_fragment' })
    )
    await db.close()
  })

  it('is no function of text', () => {
    expect(() => sql('SELECT 1' as never)).toThrow('sql is a template tag')
    expect(() => sql`\u`).toThrow(expect.objectContaining({ code: 'bad_escape' }))
  })
})

describe('on a server', () => {
  it('importing does nothing, and open says what to do', async () => {
    await import('../src/react.js')
    await import('../src/protocol.js')
    await expect(open({ name: 'x' })).rejects.toMatchObject({
      kind: 'invalid',
      code: 'no_worker',
      message: expect.stringContaining('useEffect') as string
    })
  })
})
