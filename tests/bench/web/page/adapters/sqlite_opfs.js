import { openIn } from '../workers/calls.js'
import { noLive } from './cannot.js'
import { wipeOpfs } from './wipe.js'

/** @type {import('./index.js').Adapter} */
export default {
  storage: 'OPFS',
  cannot: noLive,
  open: (name) => openIn(new Worker(new URL('../workers/sqlite_opfs.js', import.meta.url), { type: 'module' }), name),
  wipe: wipeOpfs,
}
