import type { Client } from '../client/client.js'
import { isKalamError, KalamError } from '../errors.js'
import { quote } from '../sql.js'
import type { Decoded } from '../values/decode.js'
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

/** How long opening waits for the server when a table lacks a column. */
const NEWS_MILLIS = 5_000

/**
 * Creates a schema's tables and new columns, and compares the rest.
 *
 * @param syncs whether the server may have changed a table meanwhile, and tell
 * @throws KalamError `invalid`/`schema_mismatch` where the database has a table of that name that is different
 * @internal
 */
export async function applySchema(client: Client, schema: Schema, syncs: boolean): Promise<void> {
  const tables = [...schema.specs.values()]
  const create = schemaStatements(schema)
  const text = [...create, ...tables.map(describe)].join(';\n')
  const { results } = await client.execute({ text, values: [] })
  let isOld = false
  for (const [at, table] of tables.entries()) {
    let missing = isOld ? await compareNow(client, table) : compare(table, results[create.length + at])
    for (let name = missing[0]; name !== undefined; name = missing[0]) {
      const error = await addColumn(client, table, name)
      if (error !== undefined) {
        if (!syncs) throw error
        await news(client)
        isOld = true
      }
      // Of what another device or the server has added meanwhile the types are compared, too.
      missing = await compareNow(client, table)
      if (missing.includes(name)) throw error ?? mismatch(table, `column \`${name}\` was added and is not there`)
    }
  }
}

async function compareNow(client: Client, table: TableSpec): Promise<string[]> {
  const { results } = await client.execute({ text: describe(table), values: [] })
  return compare(table, results[0])
}

const describe = (table: TableSpec): string => `DESCRIBE ${tableName(table)}`

interface DescribedColumn {
  readonly name: string
  readonly type: string
  readonly nullable: boolean
  readonly primary_key_position: number | null
}

/** The columns that the table lacks. */
function compare(table: TableSpec, described: Decoded | undefined): string[] {
  const found = (described?.rows ?? []) as unknown as readonly DescribedColumn[]
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
    if (column === undefined) continue
    if (column.type !== spec.sqlType)
      throw mismatch(table, `column \`${name}\` is ${column.type}, the schema says ${spec.sqlType}`)
    if (column.nullable && spec.isNotNull && !spec.isKey)
      throw mismatch(table, `column \`${name}\` may be NULL, the schema says NOT NULL`)
  }
  return [...table.columns.keys()].filter((name) => !columns.has(name))
}

/**
 * Adds a column, or gives the error that says why it cannot be. A device may change a table until it meets the server; after
 * that the table is changed there.
 */
async function addColumn(client: Client, table: TableSpec, name: string): Promise<KalamError | undefined> {
  const spec = table.columns.get(name) as ColumnSpec
  if (spec.check !== undefined)
    return mismatch(
      table,
      `it has no column \`${name}\`, and one with a CHECK cannot be added to a table that is there`
    )
  const text = `ALTER TABLE ${tableName(table)} ADD COLUMN IF NOT EXISTS ${columnText(name, spec)}`
  try {
    await client.execute({ text, values: [] })
    return undefined
  } catch (cause) {
    if (!isKalamError(cause)) throw cause
    const why = `it has no column \`${name}\`, and here it cannot be added`
    if (cause.code !== 'server_table') throw mismatch(table, `${why} (${cause.message})`, cause)
    return mismatch(table, `${why}: an administrator adds it on the server with \`${text}\``, cause)
  }
}

/**
 * Waits, not for long, until the device has heard from the server.
 *
 * @throws KalamError why the database has ended meanwhile
 */
async function news(client: Client): Promise<void> {
  await new Promise<void>((resolve) => {
    const finish = (): void => {
      clearTimeout(timer)
      client.changed.delete(look)
      resolve()
    }
    const look = (): void => {
      if (client.ended !== undefined) return finish()
      const { state, error } = client.status
      const isUnreachable = state === 'waiting' && error?.code === 'connection_lost'
      if (state === 'live' || state === 'blocked' || isUnreachable) finish()
    }
    const timer = setTimeout(finish, NEWS_MILLIS)
    client.changed.add(look)
    look()
  })
  if (client.ended !== undefined) throw client.ended
}

function mismatch({ namespace, name }: TableSpec, why: string, cause?: unknown): KalamError {
  return new KalamError(
    'invalid',
    'schema_mismatch',
    `table \`${namespace}.${name}\` differs from the schema: ${why}`,
    { cause }
  )
}
