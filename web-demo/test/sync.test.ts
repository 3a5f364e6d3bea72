import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { App, PAGES } from './app'
import { tasksOf } from './busy'
import { launch } from './chromium.js'
import { binary, Kalamdb, USER } from './kalamdb'
import { serve, type Site } from './site'


describe('with a server', () => {
  let browser: Browser
  let kalamdb: Kalamdb
  let site: Site

  beforeAll(async () => {
    browser = await launch()
    kalamdb = await Kalamdb.start(binary())
    site = await serve({ port: kalamdb.port, token: kalamdb.token, user: USER })
  })

  afterAll(async () => {
    await browser.close()
    await site.close()
    await kalamdb.stop()
  })

  it('stays fluent while 10 000 rows arrive', async () => {
    const writer = await App.synced(browser, site)
    for (const notes of ['5,000 notes', '10,000 notes']) {
      await writer.page.getByRole('button', { name: 'Create 5,000 samples' }).click()
      await writer.page.getByText(notes, { exact: true }).waitFor()
      await writer.page.getByRole('button', { name: 'Create 5,000 samples' }).waitFor()
    }
    await writer.inSync()

    const first = await App.open(browser, site)
    const whole = await tasksOf(browser, first.page, async () => {
      await first.page.getByText('10,000 notes', { exact: true }).waitFor()
      await first.inSync()
    })
    // The same rows once more, one transaction after the other, into a list that is there.
    await writer.page.getByRole('button', { name: 'Create 5,000 samples' }).click()
    const steps = await tasksOf(browser, first.page, async () => {
      await first.page.getByText('15,000 notes', { exact: true }).waitFor()
    })
    for (const tasks of [whole, steps]) expect(tasks[0]?.ms).toBeGreaterThan(0)
    console.log('longest tasks of the main thread, of its own time (and by the clock); more than 50 ms is felt:', [whole, steps].map((tasks) => tasks.slice(0, 4).map(({ ms, lasted }) => `${ms.toFixed(0)} (${lasted.toFixed(0)}) ms`).join(', ')).join('; '))
    await first.close()
    await writer.close()
  })

  it('works as the binary serves it, signed in and under its policy for scripts', async () => {
    const served = { url: `http://127.0.0.1:${kalamdb.port}/?user=${USER}`, close: () => Promise.resolve() }
    const app = await App.synced(browser, served)
    await app.page.getByLabel('New task').fill('by the binary')
    await app.page.keyboard.press('Enter')
    await app.page.locator('.note-row', { hasText: 'by the binary' }).waitFor()
    await app.inSync()
    for (const page of PAGES) {
      await app.visit(page)
      await app.page.locator('[aria-busy=true]').waitFor({ state: 'detached' })
    }
    const { headers } = await fetch(served.url)
    expect(headers.get('content-security-policy')).toContain("script-src 'self' 'wasm-unsafe-eval'")
    expect(app.complaints).toEqual([])
    await app.close()
  })

  it('starts and writes without a network, and sends it later', async () => {
    const app = await App.synced(browser, site)
    const { page } = app
    await page.evaluate(async () => void (await navigator.serviceWorker.ready))
    // The files of the first visit came before there was anyone to keep them.
    await page.reload()
    await app.inSync()
    await app.context.setOffline(true)
    await page.reload()
    await page.getByLabel('New task').fill('written without a network')
    await page.keyboard.press('Enter')
    const row = page.locator('.note-row', { hasText: 'written without a network' })
    await row.getByRole('img', { name: 'not sent yet' }).waitFor()
    await page.locator('.top .pill-count', { hasText: '1 to send' }).waitFor()
    await page.reload()
    await row.waitFor()
    await app.context.setOffline(false)
    await row.getByRole('img', { name: 'not sent yet' }).waitFor({ state: 'detached' })
    await app.close()

    const other = await App.synced(browser, site)
    await other.page.locator('.note-row', { hasText: 'written without a network' }).waitFor()
    await other.close()
  })

  it('stays offline as it was told, in the next visit too', async () => {
    const app = await App.synced(browser, site)
    const { page } = app
    await page.getByRole('switch', { name: 'Offline' }).click()
    await page.locator('.top .pill-text', { hasText: 'Offline' }).waitFor()
    await page.reload()
    await page.locator('.top .pill-text', { hasText: 'Offline' }).waitFor()
    await page.getByRole('switch', { name: 'Offline' }).click()
    await app.inSync()
    await app.close()
  })

  it('signs in by the form, and asks again when the token is gone', async () => {
    const elsewhere = await serve()
    const app = await App.open(browser, elsewhere)
    const { page } = app
    const enter = async (name: string): Promise<void> => {
      await page.getByLabel('Token').fill(kalamdb.token)
      await page.getByRole('button', { name, exact: true }).click()
      await app.inSync()
    }
    await page.getByLabel('Server address').fill(`http://127.0.0.1:${kalamdb.port}/`)
    await page.getByLabel('Token').fill('no token')
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.getByText('This is no token').waitFor()
    await enter('Sign in')
    await page.evaluate(() => sessionStorage.clear())
    await page.reload()
    await page.getByRole('region', { name: 'Sign in again' }).waitFor()
    expect(await app.faults()).toEqual([])
    await app.shoot('token')
    await enter('Sign in again')
    await page.getByRole('region', { name: 'Sign in again' }).waitFor({ state: 'detached' })
    await app.close()
    await elsewhere.close()
  })

  it('signs out and back in', async () => {
    const app = await App.synced(browser, site)
    await app.visit('inspector')
    await app.page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await app.page.getByRole('button', { name: 'Work without a server' }).waitFor()
    expect(await app.page.evaluate(async () => (await indexedDB.databases()).length)).toBe(0)
    await app.page.reload()
    await app.inSync()
    await app.close()
  })
})
