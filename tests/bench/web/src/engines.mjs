// The engines by name, and what they are.

import { readFile } from 'node:fs/promises'

/** The package of each engine; `kalamdb` is the one in this repository. */
const PACKAGES = {
  kalamdb: 'kalamdb',
  'sqlite-opfs': '@sqlite.org/sqlite-wasm',
  'sqlite-memory': '@sqlite.org/sqlite-wasm',
  'sqlite-page': '@sqlite.org/sqlite-wasm',
  'wa-sqlite': 'wa-sqlite',
  'wa-sqlite-jspi': '@journeyapps/wa-sqlite',
  pglite: '@electric-sql/pglite',
  duckdb: '@duckdb/duckdb-wasm',
  dexie: 'dexie',
  tanstack: '@tanstack/db',
}

/** In the order of the table. */
export const ENGINES = Object.keys(PACKAGES)

/** The package and its pinned version. */
export async function packageOf(engine) {
  const { dependencies } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  const name = PACKAGES[engine]
  return { name, version: dependencies[name] ?? 'this repository' }
}
