import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The binary `kalamdb`. The tests that sync fail without it: left out, they would seem to have passed. */
export function binary(): string {
  const path = process.env.KALAMDB_BIN
  if (path === undefined || path === '') throw new Error('KALAMDB_BIN is not set: it is the path of the binary `kalamdb`, built by `cargo build -p kalamdb-server`')
  return path
}

/** A user whose rows the flights of the repository are. */
export const USER = 'UA'
const SCHEMA = `
CREATE NAMESPACE app;
CREATE USER TABLE app.flights (
  year INT, month INT, day INT, dep_time INT, sched_dep_time INT, dep_delay INT, arr_time INT, sched_arr_time INT, arr_delay INT,
  carrier TEXT, flight INT, tailnum TEXT, origin TEXT NOT NULL, dest TEXT NOT NULL, air_time INT, distance INT, hour INT, minute INT,
  time_hour TIMESTAMP, complaints COUNTER, PRIMARY KEY (time_hour, flight, carrier))`

/** Runs a command of the binary on a server's data, and gives what it says. */
type Run = (...of: string[]) => string

/** A server, and {@link USER} to sign in there. */
export class Kalamdb {
  readonly folder: string
  readonly token: string
  readonly port: number
  /** The server's id. */
  readonly server: string
  readonly user = USER
  readonly #process: ChildProcess

  private constructor(folder: string, token: string, port: number, server: string, process: ChildProcess) {
    this.folder = folder
    this.token = token
    this.port = port
    this.server = server
    this.#process = process
  }

  /** One with the flights in it. */
  static start(binary: string): Promise<Kalamdb> {
    return Kalamdb.#start(binary, (run) => {
      run('sql', '--as', 'admin', '--admin', '-c', SCHEMA)
      run('import', 'app.flights', fileURLToPath(new URL('../../tests/data/flights-2013.parquet', import.meta.url)), '--user-column', 'carrier')
    })
  }

  /** One with nothing in it. */
  static empty(binary: string): Promise<Kalamdb> {
    return Kalamdb.#start(binary, () => {})
  }

  static async #start(binary: string, fill: (run: Run) => void): Promise<Kalamdb> {
    const folder = mkdtempSync(join(tmpdir(), 'kalamdb-web-demo-'))
    const run: Run = (...of) => execFileSync(binary, [...of, '--data-dir', folder], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    fill(run)
    const token = run('token', 'mint', '--user', USER, '--declare').trim()
    const process = spawn(binary, ['serve', '--dev', '--listen', '127.0.0.1:0', '--data-dir', folder], { stdio: ['ignore', 'pipe', 'ignore'] })
    const port = await announced(process)
    const { server } = (await (await fetch(`http://127.0.0.1:${port}/kalamdb.json`)).json()) as { server: string }
    return new Kalamdb(folder, token, port, server, process)
  }

  /** The rows that the server gives the user. */
  async rows(sql: string): Promise<readonly (readonly unknown[])[]> {
    const response = await fetch(`http://127.0.0.1:${this.port}/v1/sql`, { method: 'POST', headers: { authorization: `Bearer ${this.token}` }, body: JSON.stringify({ sql }) })
    const text = await response.text()
    if (!response.ok) throw new Error(`${sql}: ${text}`)
    return (JSON.parse(text) as { results: { rows: unknown[][] }[] }).results[0]?.rows ?? []
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.kill('SIGTERM')
    await ended
    rmSync(this.folder, { recursive: true, force: true })
  }
}

async function announced(server: ChildProcess): Promise<number> {
  if (server.stdout === null) throw new Error('the server has no output')
  for await (const line of createInterface({ input: server.stdout })) {
    const { ready } = JSON.parse(line) as { ready?: string }
    if (ready !== undefined) return Number(new URL(ready).port)
  }
  throw new Error('the server ended before it was ready')
}
