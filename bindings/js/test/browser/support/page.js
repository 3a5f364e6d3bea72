// The page of the tests: runs what they send it, with the package and what was kept from the last time.
import * as kalam from '/dist/index.js'

const api = { kalam, kept: {} }

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
