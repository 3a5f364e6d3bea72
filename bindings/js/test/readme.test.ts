/** Every example of the README and of the doc comments is a program that type checks. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const folder = join(root, 'test', '.examples')

afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Example {
  readonly name: string
  readonly text: string
}

/** The blocks marked ts or tsx; those in doc comments stand behind asterisks. */
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
    name: `${file.replaceAll(/[^a-z]/gi, '-')}-${at + 1}.${kind}`,
    text: `${code}\nexport {}\n`
  }))
}

const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.d.ts'))
  .map((file) => join('src', file))
const examples = ['README.md', ...sources].flatMap(examplesOf)

it('there are examples of all parts', () => {
  expect(examples.length).toBeGreaterThan(15)
})

it('all of them type check', () => {
  mkdirSync(folder, { recursive: true })
  for (const { name, text } of examples) writeFileSync(join(folder, name), text)
  const config = {
    extends: '../../tsconfig.json',
    compilerOptions: {
      noUnusedLocals: false,
      paths: { kalamdb: ['../../src/index.ts'], 'kalamdb/react': ['../../src/react.ts'] }
    },
    include: ['*']
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  let output = ''
  try {
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder, '--noEmit'], {
      encoding: 'utf8'
    })
  } catch (error) {
    output = (error as { stdout: string }).stdout
  }
  expect(output).toBe('')
}, 60_000)
