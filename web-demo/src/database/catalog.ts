import { sql } from 'kalamdb'
import type { Demo } from './schema'

/** A table's name in two parts. */
export interface TableName {
  readonly namespace: string
  readonly name: string
}

/** A table with the columns that name its rows. */
export interface KeyedTable extends TableName {
  readonly key: readonly string[]
}

/** The tables that there are. `system.tables` says the same, but needs the query module. */
export async function listTables(db: Demo): Promise<TableName[]> {
  const namespaces = await db.sql<{ name: string }>`SHOW NAMESPACES`
  const tables = await Promise.all(namespaces.map(({ name }) => db.sql<TableName>`SHOW TABLES IN ${sql.id(name)}`))
  return tables.flat()
}

/** {@link listTables} with their keys. */
export async function listKeyedTables(db: Demo): Promise<KeyedTable[]> {
  return Promise.all(
    (await listTables(db)).map(async (table) => {
      const columns = await db.sql<{ name: string; primary_key_position: number | null }>`DESCRIBE ${tableOf(table)}`
      const key = columns.flatMap(({ name, primary_key_position: position }) => (position === null ? [] : [{ name, position }]))
      return { ...table, key: key.sort((a, b) => a.position - b.position).map(({ name }) => name) }
    })
  )
}

/** The table's name for SQL. */
export const tableOf = ({ namespace, name }: TableName) => sql`${sql.id(namespace)}.${sql.id(name)}`
