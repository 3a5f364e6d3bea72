/** Random lives of tabs against what was promised: what is persisted stays, and nothing is made twice. */
import { expect, it } from 'vitest'
import type { Database } from '../src/index.js'
import { KalamError } from '../src/index.js'
import type { FakeWorker } from './support/world.js'
import { World } from './support/world.js'

const SEEDS = 60
const STEPS = 40

interface Tab {
  readonly db: Database<Record<never, never>>
  /** The workers that it has had, of which the last one runs. */
  readonly workers: FakeWorker[]
}

it(`${SEEDS} random sequences of tabs, kills, freezes and writes`, async () => {
  let promised = 0
  for (let seed = 1; seed <= SEEDS; seed++) promised += await run(seed)
  // A database that refuses everything loses nothing, either.
  expect(promised).toBeGreaterThan(SEEDS * 5)
}, 120_000)

/** How many writes were promised. */
async function run(seed: number): Promise<number> {
  let state = seed * 7_919
  const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below
  const world = new World()
  const tabs: Tab[] = []
  const promised = new Set<string>()
  const tried = new Set<string>()
  const errors: string[] = []
  let writes = 0

  const openTab = async (): Promise<void> => {
    const workers: FakeWorker[] = []
    const worker = (): Worker => {
      const spawned = world.spawn()
      workers.push(spawned as unknown as FakeWorker)
      return spawned
    }
    let db: Tab['db'] | undefined
    void world.open({ worker }).then((opened) => (db = opened))
    for (let tries = 0; db === undefined && tries < 20; tries++) await world.advance(1_000)
    if (db === undefined) throw new Error(`seed ${seed}: a tab does not open`)
    tabs.push({ db, workers })
  }

  const write = ({ db }: Tab): void => {
    const key = `w${writes++}`
    tried.add(key)
    const how = random(3)
    const insert = 'INSERT INTO app.kv (k, v) VALUES ($1, $2)'
    const done =
      how === 0
        ? db.transaction(async (tx) => {
            await tx.query('UPDATE app.kv SET v = v + $2 WHERE k = $1', ['n', 1])
            await tx.query(insert, [key, 1])
          })
        : Promise.resolve(db.query(insert, [key, 1]))
    done
      .then((made) => made.persisted())
      .then(
        () => promised.add(key),
        (error: unknown) => {
          const { code, kind } = error as KalamError
          // A killed tab promises nothing; a busy database may ask to be asked again.
          if (kind !== 'retry' && kind !== 'closed' && code !== 'worker_crashed')
            errors.push(`${key}: ${String(error)}`)
        }
      )
  }

  await openTab()
  await (await tabs[0]!.db.query('INSERT INTO app.kv (k, v) VALUES ($1, $2)', ['n', 0])).persisted()
  for (let step = 0; step < STEPS; step++) {
    const tab = tabs[random(tabs.length)]
    const dice = random(20)
    if (tab === undefined || (dice === 0 && tabs.length < 6)) await openTab()
    else if (dice <= 10) write(tab)
    else if (dice === 11) {
      // Killed: nothing of it is heard of any more.
      for (const worker of tab.workers) worker.terminate()
      tabs.splice(tabs.indexOf(tab), 1)
    } else if (dice === 12)
      tab.workers.at(-1)?.onerror?.(Object.assign(new Event('error', { cancelable: true }), { message: 'crash' }))
    else if (dice === 13) tab.workers.at(-1)?.freeze()
    else if (dice === 14) tab.workers.at(-1)?.thaw()
    else if (dice === 15) world.disks.hold()
    else if (dice === 16) world.disks.letGo()
    else if (dice === 17) await world.advance(random(6_000))
    else await world.settle()
  }
  world.disks.letGo()
  for (const { workers } of tabs) workers.at(-1)?.thaw()
  await openTab()
  await world.advance(20_000)
  const rows = world.disks.rows('db')
  const message = `seed ${seed}`
  expect(errors, message).toEqual([])
  expect(
    [...promised].filter((key) => rows[key] !== 1),
    message
  ).toEqual([])
  expect(
    Object.keys(rows).filter((key) => key !== 'n' && !tried.has(key)),
    message
  ).toEqual([])
  const committed = world.disks
    .disk('db')
    .commits.flatMap((commit) => commit.changes.map(([key]) => key))
    .filter((key) => key !== 'n')
  expect(committed.length, message).toBe(new Set(committed).size)
  for (const { db } of tabs) void db.close()
  await world.advance(20_000)
  return promised.size
}
