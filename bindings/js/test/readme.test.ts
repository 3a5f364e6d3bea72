/** Every example of the README and of the doc comments is a program that type checks. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { COMMENT_EXAMPLES, README_EXAMPLES } from './support/examples.js'

const root = join(import.meta.dirname, '..')
const folder = join(root, 'test', '.examples')

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const examples = [...README_EXAMPLES, ...COMMENT_EXAMPLES]

it('there are examples of all parts', () => {
  expect(examples.length).toBeGreaterThan(15)
})

it('all of them type check', () => {
  mkdirSync(folder, { recursive: true })
  for (const { file, text } of examples) writeFileSync(join(folder, file), text)
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
