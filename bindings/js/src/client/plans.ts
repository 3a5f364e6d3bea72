import type { CallPlan } from './entry.js'

/** A statement as it is sent. @internal */
export interface SentStatement {
  readonly text: string
  readonly params: Uint8Array
  /** The call that ran it in an open transaction. */
  step?: { readonly id: number; readonly at: number }
}

/** A statement outside a transaction. @internal */
export function executePlan(op: 'execute' | 'arrow', { text, params }: SentStatement): CallPlan {
  return {
    survives: true,
    writes: statementsOf(text),
    bytes: params.length,
    opaque: op === 'arrow',
    make: (id, pack, { at }) => ({ op, id, at, sql: text, params: pack(params) })
  }
}

/** The engine takes so many statements in a text. */
const STATEMENTS_MAX = 1_000

/** How many statements there are in a text, at most: a semicolon may be part of something else. */
function statementsOf(text: string): number {
  let count = 1
  for (let at = text.indexOf(';'); at >= 0 && count < STATEMENTS_MAX; at = text.indexOf(';', at + 1)) count++
  return count
}

/** A statement of the transaction in `session`; the first one begins it. @internal */
export function stepPlan(session: number, { text, params }: SentStatement, begin: boolean): CallPlan {
  return {
    survives: false,
    make: (id, pack, { at }) => ({ op: 'step', id, at, session, begin, sql: text, params: pack(params) })
  }
}

/** The end of the transaction in `session`, or with session 0 a transaction in one piece. @internal */
export function commitPlan(session: number, sent: readonly SentStatement[]): CallPlan {
  return {
    survives: true,
    writes: 1,
    bytes: sent.reduce((sum, { params }) => sum + params.length, 0),
    make: (id, pack, sending) => {
      const statements = sent.map(({ text, params, step }) => ({ sql: text, params: pack(params), ...step }))
      return { op: 'commit', id, session, statements, ...sending }
    }
  }
}
