/**
 * Random lives of real tabs against a map: opened, closed, killed, frozen and reloaded while all of them write. Nothing that
 * was reported as persisted is lost, nothing takes effect twice, and in the end all tabs have the same rows.
 *
 * `KALAMDB_SEQUENCES` says how many lives there are, and `KALAMDB_SEED` repeats one.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Life } from './support/life.js'
import { Profile } from './support/profile.js'
import { type Device, useWorld } from './support/world.js'

const SEQUENCES = Number(process.env.KALAMDB_SEQUENCES ?? 20)
const SEED = process.env.KALAMDB_SEED
const FIRST = Math.floor(Math.random() * 1_000_000)
/** Writes that a life promises, on average. */
const PROMISED_MIN = 5
/** A life takes a few seconds; one on a busy machine longer. */
const LIFE_MILLIS = 240_000

const world = useWorld()
let profile: Profile
let device: Device

beforeAll(async () => {
  profile = new Profile()
  device = await profile.start(world.site.url)
})
afterAll(() => profile.remove())

const seeds = SEED === undefined ? Array.from({ length: SEQUENCES }, (_, at) => FIRST + at) : [Number(SEED)]

const promises: number[] = []

for (const seed of seeds) {
  it(
    `a life with KALAMDB_SEED=${seed}`,
    // A life that loses something is not lived again.
    { timeout: LIFE_MILLIS, retry: 0 },
    async () => {
      const life = new Life(device, seed)
      try {
        await life.run()
        const { judgement, promised } = await life.judge()
        expect(judgement, life.story()).toEqual({ lost: [], doubled: [], unknown: [], unequal: [], errors: [] })
        expect(promised, life.story()).toBeGreaterThan(0)
        promises.push(promised)
      } finally {
        await life.end()
      }
    }
  )
}

it.skipIf(SEED !== undefined)('lives in which writes were promised', () => {
  expect(promises.reduce((sum, promised) => sum + promised, 0)).toBeGreaterThanOrEqual(PROMISED_MIN * promises.length)
})
