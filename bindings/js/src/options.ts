import { KalamError } from './errors.js'

/**
 * Refuses keys that are none of the `known`.
 *
 * @throws KalamError `invalid`/`unknown_option` that names the key and the nearest known one
 * @internal
 */
export function checkKeys(of: string, options: object, known: Readonly<Record<string, true>>): void {
  const unknown = Object.keys(options).find((key) => !Object.hasOwn(known, key))
  if (unknown === undefined) return
  const [nearest] = Object.keys(known).sort((a, b) => distance(unknown, a) - distance(unknown, b))
  throw new KalamError('invalid', 'unknown_option', `${of} has no option \`${unknown}\`: did you mean \`${nearest}\`?`)
}

/** How many characters to insert, remove or replace: Levenshtein's distance. */
function distance(from: string, to: string): number {
  let last = Array.from({ length: to.length + 1 }, (_, at) => at)
  for (const [at, character] of Array.from(from).entries()) {
    let diagonal = at
    let left = at + 1
    last = last.map((above, place) => {
      if (place > 0) left = Math.min(above + 1, left + 1, diagonal + Number(to[place - 1] !== character))
      diagonal = above
      return left
    })
  }
  return last[to.length] as number
}
