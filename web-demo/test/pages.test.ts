import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { App, DEADLINE, LOOKS, PAGES } from './app'
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

/** Waits until `read` gives this. */
const becomes = async (read: () => Promise<unknown>, wanted: unknown): Promise<void> => expect.poll(read, { timeout: DEADLINE }).toEqual(wanted)

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

  it('opens what lies over the pages, and axe finds nothing serious', async () => {
    const app = await App.alone(browser, site, look)
    const { page } = app
    const check = async (name: string): Promise<void> => {
      expect(await app.faults(), name).toEqual([])
      expect(await app.overflow(), `${name} is wider than the window`).toBe(0)
      await app.shoot(`alone-${look.name}-${name}`)
    }
    const row = await app.addTask('to be renamed')
    await row.focus()
    await page.keyboard.press('F2')
    await page.getByRole('textbox', { name: 'Title' }).waitFor()
    await check('rename')
    await page.keyboard.press('Escape')

    await app.visit('console')
    const sql = page.getByLabel('SQL', { exact: true })
    await sql.fill('SELECT title FROM demo.notes')
    await page.getByRole('button', { name: 'Run' }).click()
    await page.getByText('1 row in').waitFor()
    await page.getByRole('button', { name: 'History', exact: true }).click()
    await page.getByRole('dialog', { name: 'History' }).waitFor()
    await check('history')
    await page.getByRole('button', { name: 'Close history' }).click()
    await sql.fill('SELECT ')
    await sql.press('Control+Space')
    await page.getByRole('listbox', { name: 'Completions' }).waitFor()
    await check('completions')
    await sql.press('Escape')

    await app.visit('inspector')
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await page.getByRole('dialog', { name: 'Lose what was not sent?' }).waitFor()
    await check('discard')
    await page.getByRole('button', { name: 'Stay signed in' }).click()
    expect(app.complaints).toEqual([])
    await app.close()
  })
})

/** The rows of a device on the page about sync, as it shows them. */
const board = (page: Page, device: string): Promise<unknown> =>
  page
    .getByRole('region', { name: device, exact: true })
    .locator('.board-item')
    .evaluateAll((items) =>
      items.map((item) => {
        const typed = (of: string): string | undefined => item.querySelector<HTMLInputElement>(of)?.value
        return {
          item: item.querySelector('.board-name')?.textContent,
          amount: item.querySelector('output')?.textContent,
          price: typed('.board-price input'),
          remark: typed('.board-remark input'),
          waits: (item as HTMLElement).dataset.waits
        }
      })
    )

const BREAD = { item: 'Bread', amount: '0', price: '4', remark: '', waits: 'false' }
const LAMP = { item: 'Desk lamp', amount: '0', price: '35', remark: '', waits: 'false' }
const TEA = { item: 'Green tea', amount: '0', price: '6', remark: '', waits: 'false' }

/** Plays the example; `apart` is called while the devices are offline. */
async function playExample(page: Page, apart: () => Promise<void>): Promise<void> {
  const both = (rows: unknown): Promise<unknown> => Promise.all(['Laptop', 'Phone'].map((device) => becomes(() => board(page, device), rows)))
  await page.getByRole('button', { name: '1. Begin' }).click()
  await both([BREAD, LAMP, TEA])
  await page.getByRole('button', { name: '2. Go offline' }).click()
  await becomes(() => board(page, 'Laptop'), [{ ...BREAD, amount: '2', waits: 'true' }, { ...TEA, price: '7', waits: 'true' }])
  await becomes(() => board(page, 'Phone'), [
    { ...BREAD, amount: '3', waits: 'true' },
    { ...LAMP, remark: 'with a green shade', waits: 'true' },
    { ...TEA, remark: 'the loose one', waits: 'true' }
  ])
  await page.locator('.example [aria-busy=true]').waitFor({ state: 'detached' })
  await apart()
  await page.getByRole('button', { name: '3. Connect' }).click()
  await both([{ ...BREAD, amount: '5' }, { ...TEA, price: '7', remark: 'the loose one' }])
  await page.getByText('Both edits of the tea hold').waitFor()
  const refused = page.getByRole('region', { name: 'Phone', exact: true }).getByRole('list', { name: 'Refused writes' }).getByRole('listitem')
  await becomes(() => refused.locator('strong').allInnerTexts(), ['Row (lamp) of table demo.board is gone'])
  expect(await refused.locator('code').allInnerTexts()).toEqual(['demo.board', 'row_gone', 'demo.board'])
  expect(await page.getByRole('region', { name: 'Laptop', exact: true }).getByRole('list', { name: 'Refused writes' }).count()).toBe(0)
}

describe('with a server', () => {
  let kalamdb: Kalamdb
  let signedIn: Site

  beforeAll(async () => {
    kalamdb = await Kalamdb.start(binary())
    signedIn = await serve(kalamdb)
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
    await playExample(page, () => check('devices-apart'))
    await check('devices')
    await page.getByRole('region', { name: 'Laptop', exact: true }).locator('.board-item', { hasText: 'Green tea' }).getByLabel('Price').fill('1000')
    const toast = page.getByRole('region', { name: 'Messages' }).getByRole('alert')
    await becomes(() => toast.locator('code').nth(1).innerText(), 'demo.board')
    await check('toast')
    await toast.getByRole('button', { name: 'Dismiss message' }).click()

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

  it('draws the flights as the server has them', async () => {
    const app = await App.synced(browser, signedIn)
    const { page } = app
    const table = (name: string) => page.getByRole('table', { name, exact: true }).locator('tbody tr')
    const cells = (name: string): Promise<string[][]> => table(name).evaluateAll((rows) => rows.map((row) => [...row.children].map(({ textContent }) => textContent ?? '')))
    const figure = (name: string): Promise<string> => page.locator('.figure', { has: page.getByText(name, { exact: true }) }).locator('.figure-value').innerText()
    const number = (value: unknown): string => Number(value).toLocaleString('en-GB')
    const minutes = (value: unknown): string => `${Number(value).toFixed(1)} min`
    await app.visit('flights')

    const months = await kalamdb.rows('SELECT month, count(*), avg(arr_delay) FROM app.flights GROUP BY month ORDER BY month')
    expect(months).toHaveLength(12)
    const label = (month: unknown): string => new Date(2013, Number(month) - 1).toLocaleString('en', { month: 'short' })
    await becomes(() => cells('Flights per month'), months.map(([month, flights]) => [label(month), number(flights)]))
    await becomes(() => cells('Mean arrival delay per month'), months.map(([month, , delay]) => [label(month), minutes(delay)]))
    // What the source of the data says of the airline.
    expect([await figure('Flights'), await figure('Leave late by'), await figure('Arrive late by')]).toEqual(['58,665', '12.1 min', '3.6 min'])
    const [[departed, latest] = []] = await kalamdb.rows('SELECT count(dep_time), max(arr_delay) FROM app.flights')
    expect(await figure('Cancelled')).toBe(number(58_665 - Number(departed)))
    const [[pairs] = []] = await kalamdb.rows(
      'SELECT count(*) FROM app.flights AS a JOIN app.flights AS b ON a.tailnum = b.tailnum AND a.month = b.month AND a.day = b.day AND a.sched_dep_time < b.sched_dep_time'
    )
    await becomes(() => figure('Turned around'), number(pairs))
    expect(await app.panel('Came latest').locator('tbody tr').first().innerText()).toContain(`${number(latest)} min`)

    const origin = "WHERE origin = 'LGA' AND month = 7"
    const groups = await kalamdb.rows(`SELECT dest, avg(arr_delay) AS delay FROM app.flights ${origin} GROUP BY dest HAVING count(*) >= 40 ORDER BY delay DESC LIMIT 12`)
    expect(groups.length).toBeGreaterThan(1)
    await page.getByRole('button', { name: 'LGA' }).click()
    await page.getByRole('combobox', { name: 'Month' }).selectOption('July')
    await page.getByRole('button', { name: 'Destination' }).click()
    await becomes(() => cells('Mean arrival delay'), groups.map(([dest, delay]) => [dest, minutes(delay)]))
    expect(app.complaints).toEqual([])
    await app.close()
  })

  it('tells in the inspector what waits, what was refused, and where everything is', async () => {
    const app = await App.synced(browser, signedIn)
    const { page } = app
    const listed = (name: string): Promise<string[]> => page.getByRole('list', { name, exact: true }).getByRole('listitem').allInnerTexts()
    await app.visit('flights')
    const complain = app.panel('Came latest').getByRole('button').first()
    await complain.waitFor()
    await page.locator('.figure', { hasText: 'Turned around' }).getByText(/ms|s$/).waitFor()
    await app.visit('notes')
    const doomed = await app.addTask('deleted by the server')
    const deleted = await app.addTask('deleted here')
    await app.inSync()

    await page.getByRole('switch', { name: 'Offline' }).click()
    await doomed.getByRole('button', { name: /^Like/ }).click()
    await deleted.click()
    await page.getByRole('complementary', { name: 'Note' }).getByRole('button', { name: 'Delete' }).click()
    await app.addTask('written here')
    await app.visit('flights')
    await complain.click()
    await app.toSend(4)
    await app.visit('inspector')
    await becomes(() => app.fact('Outbox', 'Transactions to send'), '4')
    await becomes(async () => (await listed('To send of demo.notes')).sort(), ['deleted by the server', 'deleted here, deleted', 'written here'])
    expect(await listed('To send of app.flights')).toEqual([expect.stringMatching(/^2013-.*Z, \d+, UA$/)])
    expect(await listed('To send of demo.board')).toEqual([])
    expect(await app.fact('Sync', 'State')).toBe('offline')
    expect(await app.panel('Refused writes').innerText()).toContain('The server has refused nothing.')

    await kalamdb.rows("DELETE FROM demo.notes WHERE title = 'deleted by the server'")
    await page.getByRole('switch', { name: 'Offline' }).click()
    await app.inSync()
    await becomes(() => app.fact('Outbox', 'Transactions to send'), '0')
    expect(await page.getByRole('list', { name: /^To send/ }).count()).toBe(0)
    await becomes(() => listed('Refused writes'), [expect.stringMatching(/^Row \(.*\) of table demo\.notes is gone row_gone\s+Update demo\.notes/)])
    // The complaint was the last that was sent.
    const [[seq] = []] = await kalamdb.rows('SELECT max(_seq) FROM app.flights')
    await becomes(() => app.fact('Sync', 'Position in the log'), String(seq))
    expect(await app.fact('Sync', 'Equal with the server')).toBe('yes')
    expect(await app.fact('Sync', 'User')).toBe(USER)

    expect(await app.fact('Storage', 'Name')).toBe(`kalamdb-demo-${kalamdb.server}-${USER}`)
    expect(await app.fact('Storage', 'Kept in')).toBe('IndexedDB')
    expect(await app.fact('Storage', 'Rows in memory')).toMatch(/^[\d.]+ MB$/)
    for (const table of ['app.flights', 'demo.board', 'demo.notes']) {
      const [[rows] = []] = await kalamdb.rows(`SELECT count(*) FROM ${table}`)
      await becomes(() => app.panel('Storage').getByRole('row', { name: table }).getByRole('cell').innerText(), Number(rows).toLocaleString('en-GB'))
    }
    const modules = (): Promise<string[]> => app.panel('Engine').locator('tbody tr').allInnerTexts()
    const loaded = (name: string): unknown => expect.stringMatching(new RegExp(`^${name}\\s+[\\d.]+ [kM]B\\s+[\\d.]+ m?s$`))
    await becomes(modules, [loaded('Small engine'), loaded('Query module')])
    await page.getByRole('button', { name: 'Measure some reads' }).click()
    const [[notes] = []] = await kalamdb.rows('SELECT count(*) FROM demo.notes')
    await becomes(() => app.panel('Timings').getByRole('row', { name: 'read all notes' }).locator('td').first().innerText(), Number(notes).toLocaleString('en-GB'))
    expect(app.complaints).toEqual([])
    await app.close()
  })
})
