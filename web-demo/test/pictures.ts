// The pictures of docs/demo.md, in docs/images: `npm run screenshots`.
import { execFileSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { App, type Look } from './app'
import { launch } from './chromium.js'
import { binary, Kalamdb } from './kalamdb'
import { NOTES, SAMPLES_SEED } from './notes'
import { serve, type Site } from './site'

const IMAGES = fileURLToPath(new URL('../../docs/images/', import.meta.url))
const BYTES_MAX = 120_000

const DESKTOP: Look = { name: 'desktop', scheme: 'light', width: 1280, height: 800 }
const DARK: Look = { ...DESKTOP, name: 'dark', scheme: 'dark' }
/** Pages that are longer than a window. */
const TALL: Look = { ...DESKTOP, height: 1180 }
const PHONE: Look = { name: 'phone', scheme: 'light', width: 390, height: 780 }

const CONNECTIONS = `SELECT origin, dest, count(*) AS flights,
       round(avg(arr_delay), 1) AS delay, max(arr_delay) AS longest
FROM app.flights
GROUP BY origin, dest
HAVING count(*) > 100
ORDER BY delay DESC
LIMIT 20`

let browser: Browser
let kalamdb: Kalamdb
let site: Site

/** A picture as small as it can be: 256 colours are enough for it, if `pngquant` is there to find them. */
async function shoot(app: App, name: string): Promise<void> {
  const path = `${IMAGES}demo-${name}.png`
  await app.page.mouse.move(0, 0)
  await app.page.locator('main').evaluate((main) => main.scrollTo(0, 0))
  await app.page.screenshot({ path, animations: 'disabled', caret: 'hide' })
  try {
    execFileSync('pngquant', ['--force', '--skip-if-larger', '--strip', '--speed', '1', '--ext', '.png', '256', path])
  } catch (error) {
    const { code, status } = error as { code?: string; status?: number }
    if (code !== 'ENOENT' && status !== 98) throw error // 98: it would be larger
  }
  expect(statSync(path).size, path).toBeLessThanOrEqual(BYTES_MAX)
}

beforeAll(async () => {
  mkdirSync(IMAGES, { recursive: true })
  browser = await launch()
  kalamdb = await Kalamdb.start(binary())
  site = await serve(kalamdb)
  const first = await App.open(browser, site)
  await first.page.addInitScript(SAMPLES_SEED)
  await first.page.reload()
  await first.inSync()
  await first.page.getByRole('button', { name: 'Create 5,000 samples' }).click()
  await first.page.getByText('5,000 notes', { exact: true }).waitFor()
  await first.visit('console')
  await first.page.getByLabel('SQL', { exact: true }).fill(NOTES)
  await first.page.getByRole('button', { name: 'Run' }).click()
  await first.page.getByText('12 rows written').waitFor()
  await first.inSync()
  await first.close()
})

afterAll(async () => {
  await browser.close()
  await site.close()
  await kalamdb.stop()
})

describe('pictures', () => {
  it('of the form that asks for a server', async () => {
    const elsewhere = await serve()
    const app = await App.open(browser, elsewhere, DESKTOP)
    await app.page.getByRole('button', { name: 'Work without a server' }).waitFor()
    await shoot(app, 'form')
    await app.close()
    await elsewhere.close()
  })

  it('of the notes', async () => {
    const app = await App.synced(browser, site, DESKTOP)
    await app.page.getByText('5,012 notes', { exact: true }).waitFor()
    await app.page.locator('.note-row', { hasText: 'Lisbon' }).first().click()
    await app.page.getByRole('complementary', { name: 'Note' }).waitFor()
    await shoot(app, 'notes')
    await app.close()
  })

  it('of the flights', async () => {
    for (const look of [TALL, { ...DARK, height: TALL.height }]) {
      const app = await App.synced(browser, site, look)
      const { page } = app
      const answered = async (): Promise<void> => {
        await page.locator('.figure', { hasText: 'Turned around' }).getByText(/self-join, .*s$/).waitFor()
        await page.locator('.card[aria-busy=true], .figures[aria-busy=true]').first().waitFor({ state: 'detached' })
      }
      await app.visit('flights')
      await page.getByText('58,665 flights of 2013 on this device').waitFor()
      await answered()
      if (look.scheme === 'dark') {
        await page.getByRole('button', { name: 'Destination' }).click()
        await page.locator('.rank li').first().waitFor()
      }
      // Again, with the module that is there now: its first answer has to wait for it.
      await page.getByRole('button', { name: 'LGA' }).click()
      await answered()
      await page.getByRole('button', { name: look.scheme === 'dark' ? 'EWR' : 'All airports' }).click()
      await answered()
      await shoot(app, look.scheme === 'dark' ? 'dark' : 'flights')
      await app.close()
    }
  })

  it('of two devices', async () => {
    const app = await App.synced(browser, site, DESKTOP)
    await app.visit('devices')
    for (const step of ['1. Begin', '2. Go offline', '3. Connect']) {
      await app.page.getByRole('button', { name: step }).click()
      await app.page.locator('.example [aria-busy=true]').waitFor({ state: 'detached' })
    }
    await app.page.getByText('Both edits of the tea hold').waitFor()
    await shoot(app, 'devices')
    await app.close()
  })

  it('of the console', async () => {
    const app = await App.synced(browser, site, DESKTOP)
    await app.visit('console')
    await app.page.getByLabel('SQL', { exact: true }).fill(CONNECTIONS)
    // Twice: the first answer waits for the query module.
    for (const time of [1, 2]) {
      await app.page.getByRole('button', { name: 'Run' }).click()
      await app.page.getByText(time === 1 ? '20 rows' : /^20 rows in [\d.]+ ms$/).waitFor()
    }
    await shoot(app, 'console')
    await app.close()
  })

  it('of what the console says about a text', async () => {
    const app = await App.synced(browser, site, { ...DESKTOP, height: 560 })
    const { page } = app
    await app.visit('console')
    const sql = page.getByLabel('SQL', { exact: true })
    await sql.fill('SELECT origin, count(*)\nFROM app.flights\nWHERE arr_delay > > 60\nGROUP BY origin')
    await page.getByRole('button', { name: 'Run' }).click()
    await page.getByRole('alert').waitFor()
    await sql.press('Control+End')
    await sql.pressSequentially(' ORDER BY or')
    await page.getByRole('listbox').waitFor()
    await shoot(app, 'completion')
    await app.close()
  })

  it('of the inspector, with something to send', async () => {
    const app = await App.synced(browser, site, TALL)
    const { page } = app
    await page.getByText('5,012 notes', { exact: true }).waitFor()
    await page.getByRole('switch', { name: 'Offline' }).click()
    await page.locator('.note-row', { hasText: 'Lisbon' }).first().getByRole('button', { name: /^Like/ }).click()
    await page.locator('.note-row', { hasText: 'Renew the passport' }).first().getByRole('checkbox').click()
    await page.getByLabel('New task').fill('Water the tomatoes on Friday')
    await page.keyboard.press('Enter')
    await app.toSend(3)
    await page.getByRole('link', { name: 'Inspector' }).click()
    await page.getByRole('button', { name: 'Measure some reads' }).click()
    await page.getByText('read all notes').waitFor()
    await shoot(app, 'inspector')
    await app.close()
  })

  it('of the notes on a phone', async () => {
    const app = await App.synced(browser, site, PHONE)
    await app.page.getByText('5,012 notes', { exact: true }).waitFor()
    await shoot(app, 'phone')
    await app.close()
  })
})
