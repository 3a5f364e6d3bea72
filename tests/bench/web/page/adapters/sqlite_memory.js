import { openIn } from '../workers/calls.js'
import { memoryOnly, noLive } from './cannot.js'

/** @type {import('./index.js').Adapter} */
export default {
  storage: 'memory',
  cannot: { ...memoryOnly, ...noLive },
  open: () => openIn(new Worker(new URL('../workers/sqlite_memory.js', import.meta.url), { type: 'module' })),
  wipe: async () => {},
}
