import type { Client } from '../client/client.js'
import { isKalamError, KalamError } from '../errors.js'
import { quote } from '../sql.js'
import type { ColumnSpec } from './column.js'
import type { Schema, TableSpec } from './schema.js'

/** A table's name with its namespace, for SQL. @internal */
export const tableName = ({ namespace, name }: TableSpec): string => `${quote(namespace)}.${quote(name)}`

/** The statements that create what a schema declares and is not there yet. */
export function schemaStatements(schema: Schema): string[] {
  const tables = [...schema.specs.values()].map((table) => {
    const columns = [...table.columns].map(([name, spec]) => `  ${columnText(name, spec)}`)
    const key = `  PRIMARY KEY (${table.key.map(quote).join(', ')})`
    return `CREATE USER TABLE IF NOT EXISTS ${tableName(table)} (\n${[...columns, key].join(',\n')}\n)`
  })
  return [`CREATE NAMESPACE IF NOT EXISTS ${quote(schema.namespace)}`, ...tables]
}

function columnText(name: string, spec: ColumnSpec): string {
  return [
    quote(name),
    spec.sqlType,
    spec.isNotNull && !spec.isKey ? 'NOT NULL' : '',
    spec.fallback === undefined ? '' : `DEFAULT ${spec.fallback}`,
    spec.check === undefined ? '' : `CHECK (${spec.check})`
  ]
    .filter((part) => part !== '')
    .join(' ')
}

/**
 * Creates a schema's tables and new columns, and compares the rest.
 *
 * @throws KalamError `invalid`/`schema_mismatch` where the database has a table of that name that is different
 * @internal
 */
export async function applySchema(client: Client, schema: Schema): Promise<void> {
  const tables = [...schema.specs.values()]
  const create = schemaStatements(schema)
  const describe = tables.map((table) => `DESCRIBE ${tableName(table)}`)
  const { results } = await client.execute({ text: [...create, ...describe].join(';\n'), values: [] })
  for (const [at, table] of tables.entries()) {
    await compare(client, table, (results[create.length + at]?.rows ?? []) as unknown as DescribedColumn[])
  }
}

interface DescribedColumn {
  readonly name: string
  readonly type: string
  readonly nullable: boolean
  readonly primary_key_position: number | null
}

async function compare(client: Client, table: TableSpec, found: readonly DescribedColumn[]): Promise<void> {
  const key = found
    .filter((column) => column.primary_key_position !== null)
    .sort((a, b) => Number(a.primary_key_position) - Number(b.primary_key_position))
    .map(({ name }) => name)
  if (key.join() !== table.key.join()) {
    throw mismatch(table, `its primary key is (${key.join(', ')}), the schema says (${table.key.join(', ')})`)
  }
  const columns = new Map(found.map((column) => [column.name, column]))
  for (const [name, spec] of table.columns) {
    const column = columns.get(name)
    if (column === undefined) await addColumn(client, table, name, spec)
    else if (column.type !== spec.sqlType)
      throw mismatch(table, `column \`${name}\` is ${column.type}, the schema says ${spec.sqlType}`)
    else if (column.nullable && spec.isNotNull && !spec.isKey)
      throw mismatch(table, `column \`${name}\` may be NULL, the schema says NOT NULL`)
  }
}

/** A device may change a table until it meets the server; after that the table changes there. */
async function addColumn(client: Client, table: TableSpec, name: string, spec: ColumnSpec): Promise<void> {
  if (spec.check !== undefined)
    throw mismatch(table, `it has no column \`${name}\`, and one with a CHECK cannot be added to a table that is there`)
  const text = `ALTER TABLE ${tableName(table)} ADD COLUMN IF NOT EXISTS ${columnText(name, spec)}`
  try {
    await client.execute({ text, values: [] })
  } catch (cause) {
    if (!isKalamError(cause)) throw cause
    const advice = cause.code === 'server_table' ? `: run \`${text}\` on the server` : ''
    throw mismatch(
      table,
      `it has no column \`${name}\`, and here it cannot be added (${cause.message})${advice}`,
      cause
    )
  }
}

function mismatch({ namespace, name }: TableSpec, why: string, cause?: unknown): KalamError {
  return new KalamError(
    'invalid',
    'schema_mismatch',
    `table \`${namespace}.${name}\` differs from the schema: ${why}`,
    { cause }
  )
}
