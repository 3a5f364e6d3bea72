/** A random life of tabs that write, and what must be true of the rows in the end. */
import { freezeBetween } from './freeze.js'
import type { Tab } from './tab.js'
import { until } from './until.js'
import type { Device } from './world.js'

const STEPS = 14
const TABS_MAX = 4

const TABLES = `
  CREATE NAMESPACE IF NOT EXISTS app;
  CREATE USER TABLE IF NOT EXISTS app.kv (k TEXT PRIMARY KEY, times COUNTER)`

interface Row {
  readonly k: string
  readonly times: number
}

/** What is wrong; all of them are empty if nothing is. */
export interface Judgement {
  /** Reported as persisted, and gone. */
  readonly lost: string[]
  /** Took effect more than once, or by halves. */
  readonly doubled: string[]
  /** Never written. */
  readonly unknown: string[]
  /** Tabs that have other rows than the first. */
  readonly unequal: string[]
  /** Errors that no kill explains. */
  readonly errors: string[]
}

/** What became of a life. */
export interface Outcome {
  readonly judgement: Judgement
  /** Writes that were reported as persisted while it lasted: where hardly any are, nothing can be lost. */
  readonly promised: number
}

export class Life {
  readonly #device: Device
  readonly #name: string
  readonly #steps: string[] = []
  readonly #tabs: Tab[] = []
  readonly #frozen = new Set<Tab>()
  readonly #promised = new Set<string>()
  readonly #tried = new Set<string>()
  readonly #errors: string[] = []
  /** Looks whether a frozen tab holds up the others; it has no database. */
  #observer: Tab | undefined
  #state: number
  #writes = 0

  constructor(device: Device, seed: number) {
    this.#device = device
    this.#name = `life-${seed}`
    this.#state = seed
  }

  /** What happened, for a failure. */
  story(): string {
    return this.#steps.join('; ')
  }

  async run(): Promise<void> {
    await this.#open()
    // However it goes on, there is something to lose.
    for (const tab of this.#tabs) {
      await this.#step('write in', tab, () => this.#write(tab))
      await this.#settle(tab)
    }
    for (let step = 0; step < STEPS; step++) {
      const awake = this.#tabs.filter((tab) => !tab.isGone && !this.#frozen.has(tab))
      const tab = awake[this.#random(Math.max(1, awake.length))]
      const dice = this.#random(16)
      if (tab === undefined || (dice <= 2 && this.#tabs.length < TABS_MAX)) await this.#open()
      else if (dice === 3) await this.#leave(tab, 'close')
      else if (dice === 4) await this.#leave(tab, 'crash')
      else if (dice === 5) await this.#step('reload', tab, () => this.#reload(tab))
      else if (dice === 6) await this.#step('freeze', tab, () => this.#freeze(tab))
      else if (dice === 7) await this.#thaw()
      else if (dice === 8) await this.#step('break the worker of', tab, () => this.#break(tab))
      else await this.#step('write in', tab, () => this.#write(tab))
    }
    await this.#thaw()
    this.#forgetGone()
    if (this.#tabs.length < 2) await this.#open()
  }

  /** Waits for what is under way, and compares. */
  async judge(): Promise<Outcome> {
    for (const tab of this.#tabs) await this.#settle(tab)
    const promised = this.#promised.size
    // Whatever happened to it, each tab that is left can write.
    for (const tab of this.#tabs) {
      const key = `w${this.#writes++}`
      this.#tried.add(key)
      await this.#step('write in', tab, () => tab.write('INSERT INTO app.kv (k, times) VALUES ($1, 1)', [key]))
      this.#promised.add(key)
    }
    const all = await Promise.all(this.#tabs.map((tab) => tab.query<Row>('SELECT k, times FROM app.kv ORDER BY k')))
    const [rows = [], ...others] = all
    const found = new Map(rows.map(({ k, times }) => [k, times]))
    const judgement = {
      lost: [...this.#promised].filter((key) => !found.has(key)),
      doubled: rows.filter(({ times }) => times !== 1).map(({ k, times }) => `${k}: ${times}`),
      unknown: rows.filter(({ k }) => !this.#tried.has(k)).map(({ k }) => k),
      unequal: others.flatMap((other, at) => (JSON.stringify(other) === JSON.stringify(rows) ? [] : [`tab ${at + 1}`])),
      errors: this.#errors
    }
    return { judgement, promised }
  }

  async end(): Promise<void> {
    await this.#thaw()
    for (const tab of this.#tabs) await tab.close()
    await this.#observer?.close()
  }

  async #open(): Promise<void> {
    const tab = await this.#device.tab()
    this.#tabs.push(tab)
    await tab.page.exposeFunction('promised', (keys: string[]) => keys.forEach((key) => this.#promised.add(key)))
    await tab.page.exposeFunction('failed', (key: string, kind: string, message: string) => {
      // A tab that others took the database from may ask to be asked again.
      if (kind !== 'retry') this.#errors.push(`${key}: ${kind}: ${message}`)
    })
    await this.#step('open', tab, () => this.#database(tab))
  }

  async #database(tab: Tab): Promise<void> {
    await tab.open({ name: this.#name }, TABLES)
    await tab.run(({ kept }) => void (kept.writes = []))
  }

  /** Each key is inserted once and counted once, in a statement or a transaction. */
  async #write(tab: Tab): Promise<void> {
    const keys = Array.from({ length: 1 + this.#random(12) }, () => `w${this.#writes++}`)
    for (const key of keys) this.#tried.add(key)
    const isTransaction = this.#random(3) === 0
    await tab.run(
      ({ db, kept }, of) => {
        const page = globalThis as unknown as {
          promised(keys: string[]): Promise<void>
          failed(key: string, kind: string, message: string): Promise<void>
        }
        const done = async (keys: string[], work: () => Promise<{ persisted(): Promise<void> }>): Promise<void> => {
          try {
            const write = await work()
            await write.persisted()
            await page.promised(keys)
          } catch (error) {
            const { kind, code, message } = error as { kind: string; code: string; message: string }
            await page.failed(String(keys), String(kind), `${code}: ${message}`)
          }
        }
        const insert = 'INSERT INTO app.kv (k, times) VALUES ($1, $2)'
        if (of.isTransaction) {
          const work = () =>
            db.transaction(async (tx) => {
              for (const key of of.keys) await tx.query(insert, [key, 0])
              for (const key of of.keys) await tx.query('UPDATE app.kv SET times = times + 1 WHERE k = $1', [key])
            })
          kept.writes.push(done(of.keys, work))
        } else for (const key of of.keys) kept.writes.push(done([key], async () => db.query(insert, [key, 1])))
      },
      { keys, isTransaction }
    )
  }

  /** Waits until what a tab has written is persisted, or is not. */
  async #settle(tab: Tab): Promise<void> {
    await this.#step('settle', tab, () => tab.run(async ({ kept }) => void (await Promise.allSettled(kept.writes))))
  }

  async #reload(tab: Tab): Promise<void> {
    await tab.reload()
    await this.#database(tab)
  }

  async #freeze(tab: Tab): Promise<void> {
    this.#frozen.add(tab)
    if (this.#observer === undefined || this.#observer.isGone) this.#observer = await this.#device.tab()
    await freezeBetween(tab, this.#name, this.#observer)
  }

  async #break(tab: Tab): Promise<void> {
    await tab.inWorker('setTimeout(() => { throw new Error("broken on purpose") }, 0)').catch((error: unknown) => {
      // A worker that is being replaced is broken already.
      if (tab.isGone || !String(error).includes('closed')) throw error
    })
  }

  async #leave(tab: Tab, how: 'close' | 'crash'): Promise<void> {
    await this.#step(how, tab, () => tab[how]())
    this.#forgetGone()
    if (this.#tabs.length === 0) await this.#open()
  }

  async #thaw(): Promise<void> {
    for (const tab of [...this.#frozen]) {
      this.#frozen.delete(tab)
      if (!tab.isGone) await this.#step('thaw', tab, () => tab.thaw())
    }
  }

  /** Tabs share a process now and then, which then crashes with both. */
  #forgetGone(): void {
    for (const tab of this.#tabs.filter((of) => of.isGone)) {
      this.#tabs.splice(this.#tabs.indexOf(tab), 1)
      this.#frozen.delete(tab)
    }
  }

  async #step(what: string, tab: Tab, work: () => Promise<unknown>): Promise<void> {
    this.#steps.push(`${what} ${this.#device.tabs.indexOf(tab)}`)
    try {
      await work()
    } catch (error) {
      if (!tab.isGone) throw new Error(`${String(error)} after ${this.story()}`, { cause: error })
      await until('the tab is gone', () => tab.isGone)
    }
  }

  /** Mulberry32, which seeds that follow each other do not make alike. */
  #random(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
