// The page of the tests: runs what they send it, with the package and what was kept from the last time.
import * as kalam from '/dist/index.js'

/** Makes workers in a browser that the script has changed. What they are told before the package is there is told again. */
const changedBy = (script) => () => {
  const text = `${script}; await import('${location.origin}/dist/worker.js')`
  const worker = new Worker(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })), { type: 'module' })
  const early = []
  const post = worker.postMessage.bind(worker)
  worker.postMessage = (message) => void early.push(message)
  const begin = () => {
    worker.postMessage = post
    for (const message of early) post(message)
  }
  worker.addEventListener('message', begin, { once: true })
  return worker
}

const api = { kalam, kept: {}, changedBy }

function plain(error) {
  if (!(error instanceof Error)) return { name: 'Error', message: `thrown: ${String(error)}` }
  const { name, kind, code, message, line, column, rejected } = error
  return { name, kind, code: typeof code === 'string' ? code : undefined, message, line, column, rejected }
}

/** Runs the text of a function; its errors come back as data. */
globalThis.run = async (text, argument) => {
  try {
    return { value: await (0, eval)(`(${text})`)(api, argument) }
  } catch (error) {
    return { error: plain(error) }
  }
}
