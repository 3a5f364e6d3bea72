import { KalamError } from './errors.js'

/** A row of an untyped query. */
export type Row = Record<string, any>

/** A template: a value stands between each string and the next. @internal */
export interface Template {
  readonly strings: readonly string[]
  readonly values: readonly unknown[]
}

/** What a fragment was made of. @internal */
export type Source = Template | Statement

declare const ROW: unique symbol

/** The text of a statement with its parameters in order. @internal */
export interface Statement {
  readonly text: string
  readonly values: readonly unknown[]
}

/**
 * A piece of SQL with its values: a whole statement, or a part to be put into another one. {@link sql} makes them.
 *
 * @typeParam R - the rows that it gives, if it is a query
 */
export class Fragment<R = Row> {
  /** @internal */
  readonly source: Source
  #compiled: Statement | undefined
  declare readonly [ROW]?: R

  /** @internal */
  constructor(source: Source) {
    this.source = source
  }

  /** The text, with `$1`, `$2`, … where values stand. */
  get text(): string {
    return this.#compile().text
  }

  /** The values in order. */
  get values(): readonly unknown[] {
    return this.#compile().values
  }

  #compile(): Statement {
    return (this.#compiled ??= 'text' in this.source ? this.source : compile(this.source))
  }
}

/** A template without fragments has one text for ever. */
const texts = new WeakMap<readonly string[], string>()

function compile({ strings, values }: Template): Statement {
  if (!values.some((value) => value instanceof Fragment)) {
    let text = texts.get(strings)
    if (text === undefined) {
      text = strings.map((string, at) => (at === 0 ? string : `$${at}${behind(string)}`)).join('')
      texts.set(strings, text)
    }
    return { text, values }
  }
  const parts: string[] = []
  const flat: unknown[] = []
  append({ strings, values }, parts, flat)
  return { text: parts.join(''), values: flat }
}

/** Writes a piece into a statement that is being put together. */
function append(source: Source, parts: string[], values: unknown[]): void {
  if ('text' in source) {
    if (source.values.length > 0) {
      throw new KalamError(
        'invalid',
        'not_a_fragment',
        'a db.query(text, params) cannot stand within another statement, whose parameters have numbers of their own: write it with sql`…`'
      )
    }
    parts.push(source.text)
    return
  }
  parts.push(source.strings[0] ?? '')
  source.values.forEach((value, at) => {
    if (value instanceof Fragment) {
      append((value as Fragment<unknown>).source, parts, values)
    } else {
      values.push(value)
      parts.push(`$${values.length}`)
    }
    parts.push(behind(source.strings[at + 1] ?? ''))
  })
}

/** A digit right behind a value must not become part of `$1`. */
const behind = (string: string): string => (/^[0-9]/.test(string) ? ` ${string}` : string)

/** What {@link sql} is: a template tag with helpers. */
export interface SqlTag {
  /**
   * A piece of SQL. Values become parameters and never text; fragments are put in where they stand.
   *
   * ```ts
   * import { sql } from 'kalamdb'
   *
   * const minimum = 3
   * const good = sql`stars >= ${minimum}`
   * const query = sql`SELECT title FROM app.notes WHERE ${good} ORDER BY title`
   * console.log(query.text) // SELECT title FROM app.notes WHERE stars >= $1 ORDER BY title
   * ```
   */
  <R = Row>(strings: TemplateStringsArray, ...values: unknown[]): Fragment<R>
  /**
   * A name, in double quotes: `sql.id('app', 'notes')` is `"app"."notes"`.
   *
   * @throws KalamError `invalid`/`bad_identifier` for no name, an empty one, or one with a control character
   */
  id(...names: string[]): Fragment<never>
  /** Fragments and values with a separator between them, a comma if none is given. */
  join(items: readonly unknown[], separator?: Fragment<unknown>): Fragment<never>
}

/** The parts of a tagged template, checked. @internal */
export function template(strings: TemplateStringsArray, values: readonly unknown[]): Template {
  if (!Array.isArray(strings) || !Object.hasOwn(strings, 'raw')) {
    throw new KalamError(
      'invalid',
      'not_a_template',
      'sql is a template tag: write sql`SELECT …`, or db.query(text, params)'
    )
  }
  if (strings.includes(undefined as never)) {
    throw new KalamError(
      'invalid',
      'bad_escape',
      'the template has an escape sequence that is not valid: write \\\\ for a backslash'
    )
  }
  return { strings, values }
}

function tag<R>(strings: TemplateStringsArray, ...values: unknown[]): Fragment<R> {
  return new Fragment<R>(template(strings, values))
}

const COMMA = new Fragment<never>({ text: ', ', values: [] })

/** Writes pieces of SQL with values in them; see {@link SqlTag}. */
export const sql: SqlTag = Object.assign(tag, {
  id(...names: string[]): Fragment<never> {
    if (names.length === 0) throw badIdentifier('sql.id needs a name')
    return new Fragment<never>({ text: names.map(quote).join('.'), values: [] })
  },

  join(items: readonly unknown[], separator: Fragment<unknown> = COMMA): Fragment<never> {
    if (items.length === 0) throw new KalamError('invalid', 'nothing_to_join', 'sql.join needs at least one item')
    const values = items.flatMap((item, at) => (at === 0 ? [item] : [separator, item]))
    return new Fragment<never>({ strings: Array.from({ length: values.length + 1 }, () => ''), values })
  }
})

/** A name as SQL reads it literally. @internal */
export function quote(name: string): string {
  if (typeof name !== 'string' || name === '') throw badIdentifier('a name of SQL is a text that is not empty')
  if (/[\u0000-\u001f\u007f]/.test(name))
    throw badIdentifier(`the name ${JSON.stringify(name)} has a control character`)
  return `"${name.replaceAll('"', '""')}"`
}

const badIdentifier = (message: string): KalamError => new KalamError('invalid', 'bad_identifier', message)
