// Calls of an object in a worker: the least that a user of an engine in a worker has to pay.

/**
 * Answers the calls that {@link connect} sends, in the worker, one after another. The call `open` makes the object whose
 * methods the other calls run.
 * @param {(...args: any[]) => Promise<Record<string, (...args: any[]) => any>>} open
 */
export function serve(open) {
  let target
  let last = Promise.resolve()
  const run = async (method, args) => {
    if (method !== 'open') return target[method](...args)
    target = await open(...args)
  }
  self.onmessage = ({ data: [id, method, args] }) => {
    last = last.then(async () => {
      try {
        self.postMessage([id, await run(method, args)])
      } catch (error) {
        self.postMessage([id, undefined, String(error?.message ?? error)])
      }
    })
  }
}

/**
 * The same database, which also ends something else after it is closed.
 * @template {{ close: () => any }} Database
 * @param {Database} database
 * @param {() => any} end
 * @returns {Database}
 */
export function closing(database, end) {
  const close = database.close.bind(database)
  database.close = async () => {
    await close()
    await end()
  }
  return database
}

/**
 * The methods of the object that a worker serves.
 * @param {Worker} worker
 * @returns {{ call: (method: string, ...args: any[]) => Promise<any>, end: () => void }}
 */
export function connect(worker) {
  const waiting = new Map()
  let next = 0
  worker.onmessage = ({ data: [id, value, error] }) => {
    const { resolve, reject } = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) resolve(value)
    else reject(new Error(error))
  }
  worker.onerror = (event) => {
    for (const { reject } of waiting.values()) reject(new Error(`the worker failed: ${event.message ?? 'it cannot be loaded'}`))
    waiting.clear()
  }
  return {
    call: (method, ...args) =>
      new Promise((resolve, reject) => {
        waiting.set(next, { resolve, reject })
        worker.postMessage([next++, method, args])
      }),
    end: () => worker.terminate(),
  }
}

/**
 * A database of the interface in `adapters/index.js` whose methods run in a worker.
 * @param {Worker} worker
 * @param {any[]} args what the worker's function `open` takes
 */
export async function openIn(worker, ...args) {
  const { call, end } = connect(worker)
  await call('open', ...args)
  const of = (method) => (...args) => call(method, ...args)
  return {
    insertOne: of('insertOne'),
    bulkLoad: of('bulkLoad'),
    persisted: of('persisted'),
    pointRead: of('pointRead'),
    filterOrderLimit: of('filterOrderLimit'),
    groupBy: of('groupBy'),
    selfJoin: of('selfJoin'),
    scan: of('scan'),
    createIndex: of('createIndex'),
    update: of('update'),
    async close() {
      await call('close')
      end()
    },
  }
}
