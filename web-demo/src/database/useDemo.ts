import { useDatabase } from 'kalamdb/react'
import type { Demo, DemoTables } from './schema'

/** The open database of the signed-in user. */
export const useDemo = (): Demo => useDatabase<DemoTables>()
