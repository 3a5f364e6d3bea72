/** Tabs that the browser freezes, as those in the background: they answer nothing, and believe to be what they were. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { freezeBetween, holdsUp } from './support/freeze.js'
import { Profile } from './support/profile.js'
import type { Tab } from './support/tab.js'
import { COUNTED } from './support/tables.js'
import { until, within } from './support/until.js'
import { type Device, useWorld } from './support/world.js'
import { stop, writing } from './support/writing.js'

/** Rounds of the test that freezes a tab at a moment that it does not choose, and how many must have met the right one. */
const ROUNDS_MAX = 40
const ROUNDS_WANTED = 2
const ROUNDS_MILLIS = 400_000

const world = useWorld()
let profile: Profile
let device: Device

beforeEach(async () => {
  profile = new Profile()
  device = await profile.start(world.site.url)
})
afterEach(() => profile.remove())

const open = async (): Promise<Tab> => (await device.tab()).open({ name: 'frozen' }, COUNTED)

it('a leader loses the lead; thawed, it follows, and its writes are made once', { retry: 0 }, async () => {
  const [leader, follower] = [await open(), await open()]
  const [byLeader, byFollower] = [await writing(leader, 'l'), await writing(follower, 'f')]
  await until('both write', () => byLeader.length > 10 && byFollower.length > 10)
  await freezeBetween(leader, 'frozen', follower)
  const before = byFollower.length
  await until('the follower goes on', () => byFollower.length > before + 20)
  expect(await follower.role()).toBe('leader')
  await leader.thaw()
  const late = byLeader.length
  await until('the thawed one goes on', () => byLeader.length > late + 10)
  expect(await leader.role()).toBe('follower')
  expect([await stop(leader), await stop(follower)]).toEqual([undefined, undefined])
  const rows = () => follower.query<{ id: string; likes: number }>('SELECT id, likes FROM app.notes ORDER BY id')
  const found = await rows()
  expect(found.filter(({ likes }) => likes !== 2)).toEqual([])
  const there = new Set(found.map(({ id }) => id))
  expect([...byLeader, ...byFollower].filter((id) => !there.has(id))).toEqual([])
  expect(await leader.query('SELECT id, likes FROM app.notes ORDER BY id')).toEqual(found)
  await leader.close()
  await follower.reload()
  await follower.open({ name: 'frozen' })
  expect(await rows()).toEqual(found)
})

it('a tab that is frozen while it opens the database keeps nobody out', { timeout: ROUNDS_MILLIS }, async () => {
  const first = await open()
  await first.query('CREATE USER TABLE app.large (id INT PRIMARY KEY, body TEXT)')
  const body = 'x'.repeat(200_000)
  for (let id = 0; id < 50; id++) await first.write('INSERT INTO app.large (id, body) VALUES ($1, $2)', [id, body])
  await first.close()
  let met = 0
  for (let round = 0; round < ROUNDS_MAX && met < ROUNDS_WANTED; round++) {
    const [opening, other] = [await device.tab(), await device.tab()]
    await opening.run(({ kalam, kept }) => {
      let isOpen = false
      document.addEventListener('freeze', () => (kept.isMet = !isOpen))
      void kalam.open({ name: 'frozen' }).then(() => (isOpen = true))
    })
    // It has the lock and begins to read what is stored.
    await until('it leads', () =>
      other.run(async () => (await navigator.locks.query()).held?.some(({ name }) => name === 'kalamdb:frozen'))
    )
    await opening.freeze()
    const isFree = !(await holdsUp('frozen', other))
    if (isFree) await within('the other tab', other.open({ name: 'frozen' }), 30_000)
    await opening.thaw()
    if (isFree && (await opening.run(({ kept }) => kept.isMet === true))) met++
    for (const tab of [opening, other]) await tab.close()
  }
  expect(met).toBe(ROUNDS_WANTED)
})

it('a leader is left alone while it only runs a long statement', async () => {
  const [leader, follower] = [await open(), await open()]
  await leader.inWorker('const end = Date.now() + 6_000; setTimeout(() => { while (Date.now() < end); }, 0)')
  await follower.write("INSERT INTO app.notes (id) VALUES ('patient')")
  expect([await leader.role(), await follower.role()]).toEqual(['leader', 'follower'])
})

it('a follower goes on where it was', async () => {
  const [leader, follower] = [await open(), await open()]
  await follower.run(async ({ db, kept }) => {
    kept.live = db.query('SELECT id FROM app.notes ORDER BY id').live()
    await kept.live.ready
  })
  await follower.freeze()
  await leader.write("INSERT INTO app.notes (id) VALUES ('meanwhile')")
  await follower.thaw()
  await until('it has the row', () => follower.run(({ kept }) => kept.live.getSnapshot().rows.length === 1))
  expect([await leader.role(), await follower.role()]).toEqual(['leader', 'follower'])
})
