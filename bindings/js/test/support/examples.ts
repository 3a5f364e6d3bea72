/** The examples of the documentation: blocks marked ts or tsx, in the README and in doc comments. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

export interface Example {
  /** A file name that tells where it stands, with its number there. */
  readonly file: string
  readonly text: string
}

/** Those of one file; in doc comments they stand behind asterisks. */
function examplesOf(file: string): Example[] {
  const text = readFileSync(join(root, file), 'utf8')
  const lines = file.endsWith('.md')
    ? text
    : text
        .split('\n')
        .filter((line) => /^\s*\*/.test(line))
        .map((line) => line.replace(/^\s*\* ?/, ''))
        .join('\n')
  return [...lines.matchAll(/^```(tsx?)\n([\s\S]*?)^```$/gm)].map(([, kind, code], at) => ({
    file: `${file.replaceAll(/[^a-z]/gi, '-')}-${at + 1}.${kind}`,
    text: `${code}\nexport {}\n`
  }))
}

const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.d.ts'))
  .map((file) => join('src', file))

export const README_EXAMPLES = examplesOf('README.md')
export const COMMENT_EXAMPLES = sources.flatMap(examplesOf)
