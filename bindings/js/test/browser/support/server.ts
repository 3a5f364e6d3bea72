/** The server's program, as users run it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { PACKAGE } from './site.js'
import { within } from './until.js'

/** The program: `KALAMDB_BIN`, or what cargo has built. */
function binary(): string {
  const { KALAMDB_BIN } = process.env
  if (KALAMDB_BIN !== undefined && KALAMDB_BIN !== '') return KALAMDB_BIN
  const metadata = execFileSync('cargo', ['metadata', '--format-version', '1', '--no-deps', '--offline'], {
    cwd: PACKAGE,
    encoding: 'utf8',
    maxBuffer: 64 << 20
  })
  const { target_directory } = JSON.parse(metadata) as { target_directory: string }
  const file = join(target_directory, 'debug', 'kalamdb')
  if (existsSync(file)) return file
  throw new Error(`${file} is not there: run \`cargo build -p kalamdb-server\`, or name the program in KALAMDB_BIN`)
}

/** What the program takes for settings of its own, it would warn of. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('KALAMDB_')))

interface Line {
  readonly ready?: string
  readonly token?: string
  readonly user?: string
}

export class Server {
  readonly folder = mkdtempSync(join(tmpdir(), 'kalamdb-e2e-'))
  /** The user of the test, whom no other test has. */
  user = ''
  readonly #binary = binary()
  readonly #tokens = new Map<string, string>()
  #url = ''
  #child: ChildProcess | undefined
  #log = ''

  get url(): string {
    return this.#url
  }

  /** Starts it; after {@link Server.kill} on the same port and folder. */
  async start(): Promise<this> {
    const listen = this.#url === '' ? '127.0.0.1:0' : new URL(this.#url).host
    const args = ['serve', '--dev', '--listen', listen, '--data-dir', this.folder]
    const child = spawn(this.#binary, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment() })
    this.#child = child
    child.stderr.on('data', (text) => (this.#log = (this.#log + String(text)).slice(-4_000)))
    const lines = createInterface({ input: child.stdout })
    const ready = new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error(`the server ended: ${this.#log}`)))
      lines.on('line', (text) => {
        const { ready: url, token, user } = JSON.parse(text) as Line
        if (url !== undefined) this.#url = url
        if (token !== undefined && user !== undefined) this.#tokens.set(user, token)
        if (this.#tokens.has('dev') && this.#tokens.has('admin') && this.#url !== '') resolve()
      })
    })
    await within('the server', ready)
    return this
  }

  /** A token of user `dev`, who may declare tables. */
  get token(): string {
    return this.#tokens.get('dev') as string
  }

  /** What a device of the test's user is opened with. */
  sync(url = this.#url): { readonly url: string; readonly token: string } {
    return { url, token: this.mint() }
  }

  /** A token of the test's user, or of any other. */
  mint(user = this.user, options: readonly string[] = ['--declare']): string {
    const args = ['token', 'mint', '--user', user, '--data-dir', this.folder, ...options]
    return execFileSync(this.#binary, args, { encoding: 'utf8', env: environment() }).trim()
  }

  /** Statements on the server. */
  async sql(sql: string, token = this.#tokens.get('admin') as string): Promise<Record<string, unknown>[]> {
    const response = await fetch(`${this.#url}/v1/sql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ sql })
    })
    const body = (await response.json()) as {
      results?: { columns?: { name: string }[]; rows?: unknown[][] }[]
      error?: { message: string }
    }
    if (body.error !== undefined) throw new Error(`${sql}: ${body.error.message}`)
    const { columns = [], rows = [] } = body.results?.at(-1) ?? {}
    return rows.map((row) => Object.fromEntries(columns.map(({ name }, at) => [name, row[at]])))
  }

  /** Ends it as a power cut does. */
  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null) return
    child.removeAllListeners('exit')
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await within('the end of the server', gone)
  }

  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** A server for the tests of a file, each of which has a user of its own. */
export function useServer(): Server {
  const server = new Server()
  let users = 0
  beforeEach(() => void (server.user = `user${++users}`))
  beforeAll(async () => {
    await server.start()
  })
  afterAll(() => server.stop())
  return server
}
