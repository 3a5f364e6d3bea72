/**
 * KalamDB in the browser: a database that applications carry along.
 *
 * {@link open} gives a {@link Database}, and {@link deleteDatabase} removes one that does not open. {@link Query} is a statement,
 * {@link Result} what it gave, {@link LiveQuery} rows that are kept up to date, {@link Sync} the connection to the server,
 * {@link KalamError} what goes wrong. {@link defineSchema} types all of it.
 *
 * @module
 */
export type { Events } from './client/events.js'
export { Database, type SignOutOptions, type Tabs } from './database.js'
export { deleteDatabase } from './delete.js'
export type { Durability, ModuleInfo, SyncState } from './engine.js'
export {
  type ErrorKind,
  KalamError,
  type KalamErrorDetails,
  type RejectedChange,
  type RejectedWrite
} from './errors.js'
export { LiveQuery } from './live/query.js'
export type { Change } from './live/rows.js'
export type { LiveEvent, LiveSnapshot } from './live/source.js'
export {
  type DatabaseOptions,
  NAME_CHARACTERS_MAX,
  open,
  type StorageMode,
  type StorageOptions,
  type SyncOptions
} from './open.js'
export { Query } from './query.js'
export { Result, type Write } from './result.js'
export {
  ColumnBuilder,
  type ColumnTraits,
  type Input,
  type TimestampValue,
  type TraitsOf,
  type With
} from './schema/column.js'
export { schemaStatements } from './schema/ddl.js'
export {
  type Columns,
  type CounterDeltas,
  defineSchema,
  type InsertOf,
  type InsertRow,
  type Key,
  type RowOf,
  Schema,
  type SelectRow,
  type Tables,
  type Timestamps,
  type UpdateRow
} from './schema/schema.js'
export { type CounterTraits, type Plain, t } from './schema/types.js'
export { Fragment, type Row, sql, type SqlTag } from './sql.js'
export { Storage } from './storage.js'
export { Sync, type SyncStatus, type WaitOptions } from './sync.js'
export { Table } from './table.js'
export type { TablesOf } from './tables.js'
export { type Committed, Transaction, TRANSACTION_RUNS_MAX } from './transaction.js'
export type { ColumnType } from './values/columns.js'
export type { Column } from './values/decode.js'
export type { JsonValue, Value } from './values/encode.js'
