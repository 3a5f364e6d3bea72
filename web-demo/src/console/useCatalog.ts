import { useEffect, useState } from 'react'
import { listTables, tableOf } from '../database/catalog'
import type { Demo } from '../database/schema'
import { useDemo } from '../database/useDemo'
import type { CatalogTable } from './complete'
import { SYSTEM_TABLES } from './words'

/** The tables and columns that there are; read again when `version` changes. */
export function useCatalog(version: unknown): readonly CatalogTable[] {
  const db = useDemo()
  const [catalog, setCatalog] = useState(SYSTEM_TABLES)
  useEffect(() => {
    let isCurrent = true
    read(db).then((tables) => isCurrent && setCatalog([...tables, ...SYSTEM_TABLES]), () => {
      // Without the catalog there are fewer completions, and the console works.
    })
    return () => {
      isCurrent = false
    }
  }, [db, version])
  return catalog
}

async function read(db: Demo): Promise<CatalogTable[]> {
  const tables = await listTables(db)
  return Promise.all(
    tables.map(async (table) => ({
      name: `${table.namespace}.${table.name}`,
      columns: await db.sql<{ name: string; type: string }>`DESCRIBE ${tableOf(table)}`
    }))
  )
}
