import { lex } from './lex'
import { FUNCTIONS, KEYWORDS } from './words'

/** A table with its columns. */
export interface CatalogTable {
  /** With its namespace. */
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly type: string }[]
}

/** Something that could stand at the caret. */
export interface Completion {
  readonly text: string
  readonly kind: 'keyword' | 'function' | 'table' | 'column'
  /** Behind the text, in grey. */
  readonly hint: string
}

/** Completions, and the beginning of what they replace. */
export interface Completions {
  readonly from: number
  readonly items: readonly Completion[]
}

/** Completions that are shown at once. */
const ITEMS_MAX = 40

const WANTS_TABLE = new Set(['FROM', 'JOIN', 'INTO', 'UPDATE', 'TABLE', 'DESCRIBE'])

/** What could stand where the caret is. */
export function complete(text: string, caret: number, catalog: readonly CatalogTable[]): Completions {
  const word = /[A-Za-z_][A-Za-z0-9_.]*$/.exec(text.slice(0, caret))?.[0] ?? ''
  const from = caret - word.length
  const tokens = lex(text)
  const inside = tokens.find((token) => token.from < caret && caret <= token.to)
  if (inside?.kind === 'comment' || inside?.kind === 'text') return { from, items: [] }
  const before = tokens.filter((token) => token.to <= from && token.kind !== 'space' && token.kind !== 'comment').at(-1)
  const previous = before === undefined ? '' : text.slice(before.from, before.to).toUpperCase()

  const used = catalog.filter(({ name }) => new RegExp(`\\b${name.replace('.', '\\s*\\.\\s*')}\\b`, 'i').test(text))
  const dot = word.lastIndexOf('.')
  if (dot >= 0) return { from, items: matching(behindDot(word, dot, text, catalog, used), word) }

  const tables = catalog.map(({ name, columns }): Completion => ({ text: name, kind: 'table', hint: `${columns.length} columns` }))
  if (WANTS_TABLE.has(previous)) return { from, items: matching(tables, word) }
  // Before FROM is written, any table may be meant.
  const meant = used.length > 0 ? used : catalog.filter(({ name }) => !name.startsWith('system.'))
  const columns = unique(meant.flatMap((table) => columnsOf(table, '')))
  const functions = FUNCTIONS.map((name): Completion => ({ text: `${name}(`, kind: 'function', hint: '' }))
  const keywords = KEYWORDS.map((name): Completion => ({ text: name, kind: 'keyword', hint: '' }))
  return { from, items: matching([...columns, ...keywords, ...functions, ...tables], word) }
}

/** `namespace.` wants tables, and `table.` or `alias.` columns. */
function behindDot(word: string, dot: number, text: string, catalog: readonly CatalogTable[], used: readonly CatalogTable[]): Completion[] {
  const owner = word.slice(0, dot)
  const tables = catalog.filter(({ name }) => name.startsWith(`${owner}.`)).map(({ name, columns }): Completion => ({ text: name, kind: 'table', hint: `${columns.length} columns` }))
  const named = used.find(({ name }) => {
    const alias = new RegExp(`\\b${name.replace('.', '\\.')}\\s+(?:AS\\s+)?${owner.replaceAll('.', '\\.')}\\b`, 'i')
    return name === owner || name.endsWith(`.${owner}`) || alias.test(text)
  })
  return [...(named === undefined ? [] : columnsOf(named, `${owner}.`)), ...tables]
}

const columnsOf = ({ name, columns }: CatalogTable, prefix: string): Completion[] =>
  columns.map((column) => ({ text: `${prefix}${column.name}`, kind: 'column', hint: column.type === '' ? name : `${column.type.toLowerCase()}, ${name}` }))

function unique(items: readonly Completion[]): Completion[] {
  const known = new Set<string>()
  return items.filter(({ text }) => !known.has(text) && known.add(text))
}

/** Those that begin with the word, then those that have it further in; none that is the word itself. */
function matching(items: readonly Completion[], word: string): Completion[] {
  const wanted = word.toLowerCase()
  const begins = items.filter(({ text }) => text.toLowerCase().startsWith(wanted))
  const contains = wanted.length < 2 ? [] : items.filter(({ text, kind }) => kind !== 'keyword' && text.toLowerCase().indexOf(wanted) > 0)
  return [...begins, ...contains].filter(({ text }) => text.toLowerCase() !== wanted).slice(0, ITEMS_MAX)
}
