import type { TableSpec, Tables, Timestamps } from './schema/schema.js'
import { Table, type TableRunner } from './table.js'

/** The tables of a schema by name. */
export type TablesOf<T extends Tables, S extends Timestamps = 'date'> = { readonly [N in keyof T]: Table<T[N], S> }

/** @internal */
export function tablesOf<T extends Tables, S extends Timestamps>(
  specs: ReadonlyMap<string, TableSpec>,
  runner: TableRunner
): TablesOf<T, S> {
  const tables = Array.from(specs, ([name, spec]) => [name, new Table(spec, runner)] as const)
  return Object.freeze(Object.fromEntries(tables)) as TablesOf<T, S>
}
