import type { CatalogTable } from './complete'

/** Words of the SQL that KalamDB speaks, for colours and completion. */
export const KEYWORDS: readonly string[] = (
  'SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT OFFSET ASC DESC DISTINCT AS ON USING JOIN LEFT RIGHT FULL INNER CROSS UNION ALL EXCEPT INTERSECT ' +
  'WITH RECURSIVE AND OR NOT IN IS NULL LIKE ILIKE BETWEEN EXISTS CASE WHEN THEN ELSE END CAST TRUE FALSE INSERT INTO VALUES DEFAULT UPDATE SET ' +
  'DELETE CONFLICT DO NOTHING CREATE DROP ALTER TABLE USER NAMESPACE INDEX IF ADD COLUMN RENAME TO PRIMARY KEY CHECK CONSTRAINT BEGIN COMMIT ' +
  'ROLLBACK START TRANSACTION EXPLAIN ANALYZE DESCRIBE SHOW TABLES NAMESPACES OVER PARTITION ROWS RANGE INTERVAL DATE TIME TIMESTAMP ' +
  'BOOLEAN SMALLINT INT BIGINT REAL DOUBLE DECIMAL TEXT BYTES UUID JSON COUNTER FLUSH POLICY LOCATION FILTER NULLS FIRST LAST ROLLUP CUBE'
).split(' ')

/** Those that the query module of browsers has; hashes and functions over arrays are only on servers. */
export const FUNCTIONS: readonly string[] = (
  'count sum avg min max abs round floor ceil coalesce nullif length lower upper trim substr replace concat strpos split_part date_trunc ' +
  'date_part extract to_char now uuid_v7 ulid current_user row_number rank dense_rank lag lead first_value last_value median stddev ' +
  'approx_distinct string_agg array_agg regexp_like regexp_replace encode decode random'
).split(' ')

const SYSTEM: Readonly<Record<string, string>> = {
  namespaces: 'name tables',
  tables: 'table_id namespace name primary_key indexes location flush_rows flush_interval_seconds deleted_retention_seconds schema_version catalog_version',
  columns: 'namespace table_name name position type nullable column_default primary_key_position',
  users: 'user_id space',
  devices: 'device_id number last_mutation durable_seq seen_at',
  storage_locations: 'name url options used_by',
  jobs: 'job_id kind table_name status created_at started_at finished_at',
  live_queries: 'query_id device_id sql started_at changes',
  segments: 'table_name path first_seq last_seq rows bytes created_at'
}

/** Tables that every database has. */
export const SYSTEM_TABLES: readonly CatalogTable[] = Object.entries(SYSTEM).map(([name, columns]) => ({
  name: `system.${name}`,
  columns: columns.split(' ').map((column) => ({ name: column, type: '' }))
}))
