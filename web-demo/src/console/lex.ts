import { FUNCTIONS, KEYWORDS } from './words'

/** A piece of an SQL text. Pieces follow each other without gaps. */
export interface Token {
  readonly kind: 'keyword' | 'function' | 'name' | 'text' | 'number' | 'comment' | 'parameter' | 'sign' | 'space'
  readonly from: number
  readonly to: number
}

const keywords = new Set(KEYWORDS)
const functions = new Set(FUNCTIONS.map((name) => name.toUpperCase()))

// Strings and comments that are not ended reach to the end: one is typed, and the colours should not jump.
const PIECES =
  /(?<comment>--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<text>'(?:[^']|'')*(?:'|$))|(?<quoted>"(?:[^"]|"")*(?:"|$))|(?<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<parameter>\$\d+|\?)|(?<word>[A-Za-z_][A-Za-z0-9_]*)|(?<space>\s+)|(?<sign>[\s\S])/g

/** The pieces of a text. */
export function lex(text: string): Token[] {
  return Array.from(text.matchAll(PIECES), ({ index, 0: piece, groups = {} }) => ({ kind: kindOf(groups), from: index, to: index + piece.length }))
}

function kindOf(groups: Record<string, string | undefined>): Token['kind'] {
  if (groups.word !== undefined) {
    const word = groups.word.toUpperCase()
    if (keywords.has(word)) return 'keyword'
    return functions.has(word) ? 'function' : 'name'
  }
  for (const kind of ['comment', 'text', 'number', 'parameter', 'space'] as const) if (groups[kind] !== undefined) return kind
  return groups.quoted === undefined ? 'sign' : 'name'
}

/** Where a line and a column, both from 1, stand in a text. Columns count characters and not UTF-16 units. */
export function offsetOf(text: string, line: number, column: number): number {
  const lines = text.split('\n')
  const before = lines.slice(0, line - 1).reduce((sum, of) => sum + of.length + 1, 0)
  const characters = [...(lines[line - 1] ?? '')].slice(0, Math.max(0, column - 1))
  return Math.min(text.length, before + characters.join('').length)
}
