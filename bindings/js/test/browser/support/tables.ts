/** Tables that tests begin with; `Tab.open` makes them if they are not there. */

const namespace = 'CREATE NAMESPACE IF NOT EXISTS app'
const notes = (columns: string): string => `${namespace}; CREATE USER TABLE IF NOT EXISTS app.notes (${columns})`

export const NOTES = notes('id INT PRIMARY KEY, title TEXT')
/** Notes that are counted. */
export const COUNTED = notes('id TEXT PRIMARY KEY, likes COUNTER')
export const NOTES_COUNTED = notes('id INT PRIMARY KEY, title TEXT, stars INT, likes COUNTER')
