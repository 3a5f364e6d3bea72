import { createElement } from 'react'
import { renderToStaticMarkup } from 'react-dom/server'
import { describe, expect, it } from 'vitest'
import { cellText, toCsv, toJson } from '../src/console/cells'
import { complete } from '../src/console/complete'
import { lex, offsetOf } from '../src/console/lex'
import { scaleOf } from '../src/flights/scale'
import { filterLines, type NoteLine, topicsOf } from '../src/notes/lines'
import { Message } from '../src/ui/Message'

const catalog = [
  { name: 'app.notes', columns: [{ name: 'title', type: 'TEXT' }, { name: 'stars', type: 'INT' }] },
  { name: 'app.people', columns: [{ name: 'name', type: 'TEXT' }] }
]

const texts = (text: string): string[] => complete(text, text.length, catalog).items.map((item) => item.text)

describe('completion', () => {
  it('offers tables behind FROM', () => expect(texts('SELECT * FROM ')).toEqual(['app.notes', 'app.people']))
  it('offers columns of the tables that are used', () => {
    const before = 'SELECT '
    const all = complete(`${before} FROM app.people`, before.length, catalog).items.map(({ text }) => text)
    expect(all[0]).toBe('name')
    expect(all).not.toContain('title')
  })
  it('offers columns behind an alias', () => expect(texts('SELECT * FROM app.notes AS n WHERE n.s')).toEqual(['n.stars']))
  it('offers nothing within a text or a comment', () => {
    expect(texts("SELECT 'ti")).toEqual([])
    expect(texts('-- ti')).toEqual([])
  })
})

describe('pieces of SQL', () => {
  it('follow each other without gaps', () => {
    const text = "SELECT a.\"B c\", 'it''s', 1.5e3, $1 -- x\nFROM t /* open"
    const pieces = lex(text)
    expect(pieces.map(({ from, to }) => text.slice(from, to)).join('')).toBe(text)
    expect(pieces.filter(({ kind }) => kind === 'text').map(({ from, to }) => text.slice(from, to))).toEqual(["'it''s'"])
  })
  it('are found by line and column, which count characters', () => {
    expect(offsetOf('a\nbc', 2, 2)).toBe(3)
    expect(offsetOf('😀x', 1, 2)).toBe(2)
    expect(offsetOf('a', 9, 9)).toBe(1)
  })
})

describe('files', () => {
  it('quote what CSV needs quoted', () => expect(toCsv(['a', 'b'], [{ a: 'x,"y"', b: null }])).toBe('a,b\r\n"x,""y""",\r\n'))
  it('have a form for every value', () => {
    expect(cellText(new Uint8Array([0, 255]))).toBe('\\x00ff')
    expect(cellText(5n)).toBe('5')
    expect(JSON.parse(toJson([{ n: 5n, b: new Uint8Array([1]), d: new Date(0), x: null }]))).toEqual([{ n: '5', b: '\\x01', d: '1970-01-01T00:00:00.000Z', x: null }])
  })
})

describe('messages', () => {
  const shown = (text: string): string => renderToStaticMarkup(createElement(Message, { text }))
  it('are sentences with code in them', () => {
    expect(shown('row (lamp) of table `demo.board` is gone')).toBe('Row (lamp) of table <code>demo.board</code> is gone')
    expect(shown('`a` and `b`')).toBe('<code>a</code> and <code>b</code>')
  })
  it('keep a backtick that stands alone', () => expect(shown('there is a ` here')).toBe('There is a ` here'))
})

describe('scales', () => {
  it('reach beyond the values in round steps', () => {
    expect(scaleOf([3, 17], 100).ticks).toEqual([0, 5, 10, 15, 20])
    expect(scaleOf([-7, 22], 100).ticks).toEqual([-10, 0, 10, 20, 30])
  })
  it('exist for no values', () => expect(scaleOf([], 100).y(0)).toBe(100))
})

describe('lines', () => {
  const line = (title: string, more: Partial<NoteLine> = {}): NoteLine => ({
    id: title, kind: 'task', title, topic: 'home', stars: 0, done: false, likes: 0, created: new Date(0), _seq: null, ...more
  })
  const lines = [line('Plan the Garden'), line('Read', { topic: 'garden', stars: 2 }), line('Done', { done: true })]
  it('are found by all words in title and topic', () => {
    expect(filterLines(lines, { text: 'GARDEN', topic: '', show: 'all' }).map(({ id }) => id)).toEqual(['Plan the Garden', 'Read'])
    expect(filterLines(lines, { text: 'garden plan', topic: 'home', show: 'open' })).toHaveLength(1)
  })
  it('stay the same list if all are wanted', () => expect(filterLines(lines, { text: ' ', topic: '', show: 'all' })).toBe(lines))
  it('are counted by topic', () => expect(topicsOf(lines)).toEqual([['home', 2], ['garden', 1]]))
})
