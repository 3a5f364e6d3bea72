// Packs the package as it would be published, and checks the tarball with publint and arethetypeswrong.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const folder = mkdtempSync(join(tmpdir(), 'kalamdb-pack-'))
const run = (file, args) => execFileSync(file, args, { cwd: root, stdio: 'inherit' })

try {
  run('npm', ['run', 'build'])
  run('npm', ['pack', '--pack-destination', folder])
  const tarball = join(
    folder,
    readdirSync(folder).find((name) => name.endsWith('.tgz'))
  )
  run('npx', ['publint', '--strict', tarball])
  run('npx', ['attw', '--profile', 'esm-only', tarball])
} finally {
  rmSync(folder, { recursive: true, force: true })
}
