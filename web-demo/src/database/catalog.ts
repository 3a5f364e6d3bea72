import { sql } from 'kalamdb'
import type { Demo } from './schema'

/** A table's name in two parts. */
export interface TableName {
  readonly namespace: string
  readonly name: string
}

/** The tables that there are. `system.tables` says the same, but needs the query module. */
export async function listTables(db: Demo): Promise<TableName[]> {
  const namespaces = await db.sql<{ name: string }>`SHOW NAMESPACES`
  const tables = await Promise.all(namespaces.map(({ name }) => db.sql<TableName>`SHOW TABLES IN ${sql.id(name)}`))
  return tables.flat()
}

/** The table's name for SQL. */
export const tableOf = ({ namespace, name }: TableName) => sql`${sql.id(namespace)}.${sql.id(name)}`
