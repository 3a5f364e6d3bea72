import type { Column, Decoded } from './values/decode.js'

/** What became of a write. */
export interface Write {
  /** Rows inserted, changed or deleted. */
  readonly affected: number
  /**
   * Resolves once the write is on disk: it is there after a crash. In memory, at once.
   *
   * @throws KalamError `quota`, `corrupt` or `closed` if it will never be
   */
  persisted(): Promise<void>
  /**
   * Resolves once the server has taken the write, which it never does while `db.sync` is stopped.
   *
   * @throws KalamError of the server's kind and code if it refuses the write; `db.sync.rejected()` holds what was refused, and
   * once that is dismissed nobody is told any more
   */
  synced(): Promise<void>
}

/** How far a write has come. @internal */
export interface Progress {
  persisted(): Promise<void>
  synced(): Promise<void>
}

/**
 * The rows that a statement gave, as an array of plain objects, and what became of what it wrote. A text of several
 * statements gives the rows of the last one.
 *
 * ```ts
 * import { open } from 'kalamdb'
 *
 * const db = await open({ name: 'results', storage: 'memory' })
 * const rows = await db.sql`SELECT CURRENT_USER() AS me, NOW() AS now`
 * console.log(rows[0]?.now instanceof Date, rows.columns.map((column) => column.type))
 * ```
 *
 * @typeParam R - a row
 */
export class Result<R> extends Array<R> implements Write {
  readonly #of: Decoded
  readonly #progress: Progress

  /** Arrays made of a result, by `map` and the like, are plain. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array
  }

  /** @internal */
  constructor(of: Decoded, progress: Progress) {
    super()
    for (const row of of.rows) this.push(row as R)
    this.#of = of
    this.#progress = progress
  }

  /** The columns in order. */
  get columns(): readonly Column[] {
    return this.#of.columns
  }

  /** What ran: `SELECT`, `INSERT`, `CREATE TABLE`, … */
  get tag(): string {
    return this.#of.tag
  }

  get affected(): number {
    return this.#of.affected
  }

  persisted(): Promise<void> {
    return this.#progress.persisted()
  }

  synced(): Promise<void> {
    return this.#progress.synced()
  }
}
