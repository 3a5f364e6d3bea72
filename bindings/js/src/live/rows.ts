/**
 * The rows of a live query and how they change. The bytes stand in the engine's interface: all rows are one packed result
 * with one key for each row behind it, and how changes of rows show; changes are the old indexes that rows leave and the new
 * ones that rows come to.
 *
 * @module
 */
import type { Cursor, ValueOptions } from '../values/columns.js'
import {
  type Column,
  type Decoded,
  readByte,
  readKey,
  readText,
  readU32,
  resultInSteps,
  STEP_ROWS,
  type Steps
} from '../values/decode.js'
import type { Shows } from './echo.js'

/** What happened to one row. */
export interface Change<R> {
  /** An `update` is also a move to another place. */
  readonly type: 'insert' | 'update' | 'delete'
  /** Names the row within the query, for as long as it exists. */
  readonly key: string
  /** The row as it is now; the one that is gone, if it was deleted. */
  readonly row: R
  /** Where it stands now; where it stood, if it was deleted. */
  readonly index: number
}

/** Rows with their keys, in order. @internal */
export interface KeyedRows<R> {
  readonly keys: readonly string[]
  readonly rows: readonly R[]
}

/** @internal */
export interface Step<R> {
  readonly next: KeyedRows<R>
  readonly changes: readonly Change<R>[]
}

/** All rows. @internal */
export interface WholeRows<R> extends KeyedRows<R> {
  /** How changes of rows show; nothing if every one may move its row. */
  readonly shows: Shows | undefined
}

/** All rows, read in steps. @internal */
export function* decodeRows<R>(bytes: Uint8Array, options: ValueOptions): Steps<WholeRows<R>> {
  const cursor: Cursor = { bytes, at: 0 }
  const { rows, columns } = yield* oneResult(cursor, options)
  const keys: string[] = []
  while (keys.length < rows.length) {
    keys.push(readKey(cursor))
    if (keys.length % STEP_ROWS === 0) yield
  }
  return { rows: rows as R[], keys, shows: readShows(cursor, columns) }
}

function readShows(cursor: Cursor, columns: readonly Column[]): Shows | undefined {
  const table = readText(cursor)
  if (table === '') return undefined
  const texts = (): string[] => Array.from({ length: readU32(cursor) }, () => readText(cursor))
  const deciding = new Set(texts())
  const primary = texts()
  const places = Array.from({ length: readU32(cursor) }, () => ({
    column: columns[readU32(cursor)] as Column,
    of: readText(cursor)
  }))
  const shown = new Map(places.map(({ of, column }) => [of, column.name]))
  const key = new Map(primary.flatMap((of) => (shown.has(of) ? [[of, shown.get(of) as string]] : [])))
  return { table, deciding, places, key: key as Map<string, string> }
}

interface Leaving {
  readonly index: number
  readonly key: string
}

interface Coming extends Leaving {
  readonly isUpdate: boolean
}

/** What became of rows. @internal */
export interface RowChanges<R> {
  readonly leaving: readonly Leaving[]
  readonly coming: readonly Coming[]
  /** The rows of {@link RowChanges.coming}. */
  readonly fresh: readonly R[]
}

/** Changes of rows, read in steps. @internal */
export function* decodeChanges<R>(bytes: Uint8Array, options: ValueOptions): Steps<RowChanges<R>> {
  const cursor: Cursor = { bytes, at: 0 }
  const leaving = yield* listInSteps(cursor, (): Leaving => ({ index: readU32(cursor), key: readKey(cursor) }))
  const coming = yield* listInSteps(cursor, (): Coming => {
    const index = readU32(cursor)
    return { index, isUpdate: readByte(cursor) === 1, key: readKey(cursor) }
  })
  const { rows } = yield* oneResult(cursor, options)
  return { leaving, coming, fresh: rows as R[] }
}

function oneResult(cursor: Cursor, options: ValueOptions): Steps<Decoded> {
  // How many there are: one.
  readU32(cursor)
  return resultInSteps(cursor, options)
}

function* listInSteps<T>(cursor: Cursor, read: () => T): Steps<T[]> {
  const list: T[] = []
  for (let left = readU32(cursor); left > 0; left--) {
    list.push(read())
    if (left % STEP_ROWS === 0) yield
  }
  return list
}

/** The rows after changes. Those that did not change stay the objects that they are. @internal */
export function applyChanges<R>(before: KeyedRows<R>, { leaving, coming, fresh }: RowChanges<R>): Step<R> {
  const left = new Map(leaving.map(({ key, index }) => [key, before.rows[index] as R]))
  const length = before.rows.length - leaving.length + coming.length
  const rows = new Array<R>(length)
  const keys = new Array<string>(length)
  const arrivals: Change<R>[] = []
  let old = 0
  let gone = 0
  let come = 0
  for (let index = 0; index < length; index++) {
    const next = coming[come]
    if (next?.index === index) {
      const row = kept(left.get(next.key), fresh[come++] as R)
      left.delete(next.key)
      rows[index] = row
      keys[index] = next.key
      arrivals.push({ type: next.isUpdate ? 'update' : 'insert', key: next.key, row, index })
      continue
    }
    while (leaving[gone]?.index === old) {
      old++
      gone++
    }
    rows[index] = before.rows[old] as R
    keys[index] = before.keys[old++] as string
  }
  const deletes = leaving
    .filter(({ key }) => left.has(key))
    .map(({ key, index }): Change<R> => ({ type: 'delete', key, row: before.rows[index] as R, index }))
  return { next: { rows, keys }, changes: [...deletes, ...arrivals] }
}

/** The way from one state to another one that came whole, after the engine was started anew. @internal */
export function compare<R>(before: KeyedRows<R>, after: KeyedRows<R>): Step<R> {
  const places = new Map(before.keys.map((key, index) => [key, index]))
  const changes: Change<R>[] = []
  const rows = after.rows.map((row, index) => {
    const key = after.keys[index] as string
    const place = places.get(key)
    places.delete(key)
    if (place === undefined) {
      changes.push({ type: 'insert', key, row, index })
      return row
    }
    const same = kept(before.rows[place], row)
    if (same === row || place !== index) changes.push({ type: 'update', key, row: same, index })
    return same
  })
  const deletes = Array.from(places, ([key, index]): Change<R> => ({
    type: 'delete',
    key,
    row: before.rows[index] as R,
    index
  }))
  return { next: { rows, keys: after.keys }, changes: [...deletes, ...changes] }
}

/** The old object if the row's values are the same: a row that only moved is not a new one. @internal */
export function kept<R>(old: R | undefined, row: R): R {
  if (old === undefined) return row
  const [a, b] = [old, row] as [Record<string, unknown>, Record<string, unknown>]
  const names = Object.keys(b)
  return names.length === Object.keys(a).length && names.every((name) => sameValue(a[name], b[name])) ? old : row
}

function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime()
  if (a instanceof Uint8Array && b instanceof Uint8Array)
    return a.length === b.length && a.every((byte, at) => byte === b[at])
  return JSON.stringify(a) === JSON.stringify(b)
}
