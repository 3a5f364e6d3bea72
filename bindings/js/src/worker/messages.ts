/**
 * What the tabs of an origin say to each other about one database. A `term` is the time of one leader; what belongs to another
 * term is not heard.
 *
 * @module
 */
import { KalamError, type PlainError } from '../errors.js'
import type { Answers, Attachment, Calls, TabInfo } from '../protocol.js'

/**
 * The version of what is said here and in `protocol.ts`: tabs that were loaded at different times may have different builds.
 * In all of them `hello`, `welcome` and `ended` have this form.
 */
export const TABS_VERSION = 1

/** In the lobby, heard by all. */
export type LobbyMessage =
  /** A tab wants to be attached. */
  | { readonly type: 'hello'; readonly version: number; readonly info: TabInfo }
  /** A tab has become the leader. */
  | { readonly type: 'leader'; readonly term: string }
  | { readonly type: 'ping'; readonly tab: string }
  /** The leader lives; it says to the tab that asked whether it is attached. */
  | {
      readonly type: 'pong'
      readonly tab: string
      readonly known: boolean
      readonly term: string
      readonly from: 'worker'
    }
  /** The database is gone for good, for followers that the leader does not know as well. */
  | { readonly type: 'ended'; readonly error: PlainError }
  /** A leader's page can only say that it lives. */
  | { readonly type: 'pong'; readonly tab: string; readonly from: 'page' }

/** From a follower to the leader, in the follower's channel. */
export type ToLeader =
  | { readonly type: 'calls'; readonly term: string; readonly calls: Calls }
  | {
      readonly type: 'token'
      readonly term: string
      readonly ask: number
      readonly token?: string
      readonly error?: PlainError
    }
  | { readonly type: 'bye'; readonly term: string }

/** From the leader to a follower, in the follower's channel. */
export type ToFollower =
  | { readonly type: 'welcome'; readonly version: number; readonly term: string; readonly to: Attachment }
  | { readonly type: 'answers'; readonly term: string; readonly answers: Answers }
  | { readonly type: 'ask'; readonly term: string; readonly ask: number }
  | { readonly type: 'failed'; readonly term: string; readonly error: PlainError }
  | { readonly type: 'ended'; readonly term: string; readonly error: PlainError }

/** How often a follower looks whether the leader lives. */
export const PING_MILLIS = 1_000
/** The silence after which it takes the database over. */
export const SILENCE_MILLIS = 3_000
/** The same for a leader whose page lives: its worker is busy with a long statement. */
export const BUSY_MILLIS = 30_000
/** The silence after which the leader does not feed a follower any more; it comes back with its next ping. */
export const ASLEEP_MILLIS = 60_000
/** How long a tab that signs out waits for the others to leave: one that is frozen does not. */
export const LEAVING_MILLIS = 500
/** Tabs with the same database, the leader among them. */
export const TABS_MAX = 100

/** Why a tab and the leader do not understand each other. */
export const otherVersion = (): KalamError =>
  new KalamError(
    'closed',
    'other_version',
    'tabs that have the database open run another version of the application: reload them, and this one'
  )

/** The names of locks and channels. */
export const names = {
  /** The lock that the leader holds, and the lobby. */
  database: (name: string): string => `kalamdb:${name}`,
  /** The lock that a tab holds while it lives, and its channel. */
  tab: (name: string, tab: string): string => `kalamdb:${name}:tab:${tab}`
}
