import type { Engine, Session } from '../engine.js'
import { asStatement, isKalamError, KalamError } from '../errors.js'
import { inOrder, lastly, next, type Soon } from './outcome.js'

/** Statements that run at the same time outside transactions. All but one wait for the query module, which may be long in coming. */
const SESSIONS_MAX = 1_024
/** Open transactions of a tab. */
export const TRANSACTIONS_MAX = 64

const NOTHING = new Uint8Array()

/** A statement as the engine takes it. */
export interface EngineStatement {
  readonly sql: string
  readonly params: Uint8Array
}

/** A statement of a transaction. */
export interface TransactionStatement extends EngineStatement {
  /** When it was called. */
  readonly at: number
  /** What the values follow from that it generates. */
  readonly seed: Uint8Array
}

/** Sessions for statements that stand for themselves. A session serves one at a time. @internal */
export class SessionPool {
  readonly #engine: Engine
  readonly #idle: Session[] = []
  readonly #waiting: (() => void)[] = []
  #count = 0

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Runs work in a session. A transaction that it leaves open is rolled back. */
  run<T>(work: (session: Session) => Soon<T>): Soon<T> {
    if (this.#idle.length === 0 && this.#count >= SESSIONS_MAX) {
      return new Promise<void>((resolve) => this.#waiting.push(resolve)).then(() => this.run(work))
    }
    const session = this.#idle.pop() ?? this.#open()
    return lastly(
      () =>
        next(work(session), (value) => {
          if (session.in_transaction)
            throw new KalamError(
              'invalid',
              'transaction_left_open',
              'the text begins a transaction and does not end it: use db.transaction(), or write COMMIT into the same text'
            )
          return value
        }),
      () => this.#giveBack(session)
    )
  }

  #open(): Session {
    this.#count++
    return this.#engine.session()
  }

  #giveBack(session: Session): void {
    if (session.in_transaction) session.execute('ROLLBACK', NOTHING)
    this.#idle.push(session)
    this.#waiting.shift()?.()
  }
}

/** An open transaction. Its statements run one after another. @internal */
export class OpenTransaction {
  readonly #session: Session
  #last: Promise<unknown> | undefined

  /** Begins. */
  constructor(engine: Engine, at: number) {
    this.#session = engine.session()
    begin(this.#session, at)
  }

  step(statement: TransactionStatement): Soon<Uint8Array> {
    return this.#inTurn(() => run(this.#session, statement))
  }

  /** Commits under a request's id. The session is gone after. */
  commit(request: Uint8Array): Soon<Uint8Array> {
    return lastly(
      () => this.#inTurn(() => this.#session.execute('COMMIT', NOTHING, request)),
      () => this.#session.free()
    )
  }

  /** Rolls back. */
  abandon(): void {
    if (this.#last === undefined) this.#session.free()
    else void this.#last.finally(() => this.#session.free())
  }

  #inTurn(work: () => Soon<Uint8Array>): Soon<Uint8Array> {
    const result = this.#last === undefined ? work() : this.#last.then(work)
    if (result instanceof Promise) {
      const last = result
        .then(
          () => {},
          () => {}
        )
        .then(() => {
          if (this.#last === last) this.#last = undefined
        })
      this.#last = last
    }
    return result
  }
}

/** What is run again in a transaction that begins at the same time writes the same. */
function begin(session: Session, at: number): Soon<Uint8Array> {
  return session.execute('BEGIN', NOTHING, undefined, at)
}

function run(session: Session, { sql, params, at, seed }: TransactionStatement): Soon<Uint8Array> {
  return session.step(sql, params, at, seed)
}

/** A transaction in one piece. @internal */
export interface Script {
  readonly statements: readonly TransactionStatement[]
  readonly request: Uint8Array
  /** It may have been committed before. */
  readonly again: boolean
  /** If it was not, it is run. */
  readonly isWhole: boolean
}

/** Runs a script in a session, or finds out that it was committed before. Gives the packed results. @internal */
export function runScript(session: Session, { statements, request, again, isWhole }: Script): Soon<Uint8Array> {
  const commit = (): Soon<Uint8Array> => session.execute('COMMIT', NOTHING, request)
  const whole = (): Soon<Uint8Array> =>
    next(
      inOrder<Uint8Array>([
        () => begin(session, statements[0]?.at ?? 0),
        ...statements.map((statement, at) => () => asStatement(at, () => run(session, statement))),
        commit
      ]),
      joinResults
    )
  if (!again) return whole()
  try {
    // Outside a transaction this is answered only if the request was committed.
    return commit()
  } catch (error) {
    if (!isKalamError(error) || error.code !== 'no_transaction') throw error
    if (!isWhole) throw transactionLost()
    return whole()
  }
}

/** @internal */
export const transactionLost = (): KalamError =>
  new KalamError(
    'retry',
    'transaction_lost',
    'the tab that held the database went before the transaction was committed: run it again'
  )

/** Lists of results as one. */
function joinResults(lists: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(4 + lists.reduce((sum, list) => sum + list.length - 4, 0))
  let count = 0
  let at = 4
  for (const list of lists) {
    count += new DataView(list.buffer, list.byteOffset).getUint32(0, true)
    out.set(list.subarray(4), at)
    at += list.length - 4
  }
  new DataView(out.buffer).setUint32(0, count, true)
  return out
}
