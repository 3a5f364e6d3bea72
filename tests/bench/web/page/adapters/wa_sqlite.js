import { openIn } from '../workers/calls.js'
import { noLive } from './cannot.js'
import { wipeIndexedDb } from './wipe.js'

/** @type {import('./index.js').Adapter} */
export default {
  storage: 'IndexedDB',
  cannot: noLive,
  open: (name) => openIn(new Worker(new URL('../workers/wa_sqlite.js', import.meta.url), { type: 'module' }), name),
  wipe: wipeIndexedDb,
}
