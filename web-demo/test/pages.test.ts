import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { App, LOOKS, PAGES } from './app'
import { launch } from './chromium.js'
import { binary, Kalamdb, USER } from './kalamdb'
import { serve, type Site } from './site'

let browser: Browser
let site: Site

beforeAll(async () => {
  browser = await launch()
  site = await serve()
})

afterAll(async () => {
  await browser.close()
  await site.close()
})

describe.each(LOOKS)('without a server, $name', (look) => {
  it('shows every page, and axe finds nothing serious', async () => {
    const app = await App.open(browser, site, look)
    await app.page.getByRole('button', { name: 'Sign in' }).waitFor()
    expect(await app.faults()).toEqual([])
    await app.shoot(`alone-${look.name}-form`)
    await app.page.getByRole('button', { name: 'Work without a server' }).click()
    for (const page of PAGES) {
      await app.visit(page)
      await app.page.locator('[aria-busy=true]').waitFor({ state: 'detached' })
      expect(await app.faults(), page).toEqual([])
      expect(await app.overflow(), `${page} is wider than the window`).toBe(0)
      await app.shoot(`alone-${look.name}-${page}`)
    }
    expect(app.complaints).toEqual([])
    await app.close()
  })
})

describe('with a server', () => {
  let kalamdb: Kalamdb
  let signedIn: Site

  beforeAll(async () => {
    kalamdb = await Kalamdb.start(binary())
    signedIn = await serve({ port: kalamdb.port, token: kalamdb.token, user: USER })
    const first = await App.synced(browser, signedIn)
    await first.page.getByRole('button', { name: 'Create 5,000 samples' }).click()
    await first.page.getByText('5,000 notes', { exact: true }).waitFor()
    await first.inSync()
    await first.close()
  })

  afterAll(async () => {
    await signedIn.close()
    await kalamdb.stop()
  })

  it.each(LOOKS)('shows every page with rows in it, $name', async (look) => {
    const app = await App.synced(browser, signedIn, look)
    const { page } = app
    const check = async (name: string): Promise<void> => {
      expect(await app.faults(), name).toEqual([])
      expect(await app.overflow(), `${name} is wider than the window`).toBe(0)
      await app.shoot(`${look.name}-${name}`)
    }
    await page.getByText('5,000 notes', { exact: true }).waitFor()
    await check('notes')
    await page.locator('.note-row').nth(2).click()
    await page.getByRole('complementary', { name: 'Note' }).waitFor()
    await check('note')

    await app.visit('flights')
    await page.getByText('58,665 flights of 2013 on this device').waitFor()
    await page.locator('.card[aria-busy=true], .figures[aria-busy=true]').first().waitFor({ state: 'detached' })
    await page.locator('.figure', { hasText: 'Turned around' }).getByText(/ms|s$/).waitFor()
    await check('flights')
    await page.getByRole('button', { name: 'Destination' }).click()
    await page.locator('.rank li').first().waitFor()
    // Until the new groups are there it shows the old ones, faded.
    await page.locator('.card[aria-busy=true]').first().waitFor({ state: 'detached' })
    await page.locator('.rank').scrollIntoViewIfNeeded()
    await check('flights-destinations')

    await app.visit('devices')
    for (const step of ['1. Begin', '2. Go offline', '3. Connect']) {
      await page.getByRole('button', { name: step }).click()
      await page.locator('.example [aria-busy=true]').waitFor({ state: 'detached' })
      if (step.startsWith('2')) await check('devices-apart')
    }
    await page.getByText('Both edits of the tea hold').waitFor()
    await check('devices')

    await app.visit('console')
    await page.getByLabel('SQL', { exact: true }).fill('SELECT topic, count(*) AS notes, sum(likes) AS likes\nFROM demo.notes\nGROUP BY topic\nORDER BY notes DESC')
    await page.getByRole('button', { name: 'Run' }).click()
    await page.getByText('8 rows').waitFor()
    await check('console')
    await page.getByLabel('SQL', { exact: true }).fill('SELECT title\nFROM demo.notes\nWHERE stars > > 3')
    await page.getByRole('button', { name: 'Run' }).click()
    await page.locator('.outcome-line.problem').waitFor()
    await check('console-error')

    await app.visit('inspector')
    await page.getByRole('button', { name: 'Measure some reads' }).click()
    await page.getByText('read all notes').waitFor()
    await check('inspector')
    expect(app.complaints).toEqual([])
    await app.close()
  })
})
