import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { FUNCTIONS } from '../src/console/words'
import { App } from './app'
import { launch } from './chromium.js'
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

/** What has the focus: its label or its text. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const element = document.activeElement as HTMLInputElement | null
    return element?.getAttribute('aria-label') ?? element?.labels?.[0]?.textContent ?? element?.textContent ?? ''
  })

/** Presses Tab until that has the focus. */
async function tabTo(page: Page, label: string): Promise<void> {
  for (let press = 0; press < 40; press++) {
    await page.keyboard.press('Tab')
    if ((await focused(page)).trim() === label) return
  }
  throw new Error(`Tab does not come to ${label}`)
}

it('writes, moves, renames, likes and deletes notes without a mouse', async () => {
  const app = await App.alone(browser, site)
  const { page } = app
  const { keyboard } = page
  await keyboard.press('Tab')
  expect(await focused(page)).toBe('Skip to the page')
  await tabTo(page, 'New task')
  for (const title of ['first', 'second', 'third']) {
    await keyboard.type(title)
    await keyboard.press('Enter')
    await page.locator('.note-row', { hasText: title }).waitFor()
  }
  const row = (title: string) => page.locator('.note-row', { hasText: title })
  // The newest note comes first.
  await row('third').focus()
  await keyboard.press('ArrowDown')
  await page.waitForFunction(() => document.activeElement?.textContent?.includes('second'))
  await keyboard.press('F2')
  await page.getByRole('textbox', { name: 'Title' }).waitFor()
  await keyboard.type('renamed')
  await keyboard.press('Enter')
  await row('renamed').waitFor()
  await page.waitForFunction(() => document.activeElement?.textContent?.includes('renamed'))
  await keyboard.press('s')
  await row('renamed').getByRole('button', { name: '1 stars: take away' }).waitFor()
  await keyboard.press('l')
  await keyboard.press('l')
  await row('renamed').getByRole('button', { name: 'Like, 2 so far' }).waitFor()
  await keyboard.press('Space')
  await page.locator('.note-row[data-done=true]', { hasText: 'renamed' }).waitFor()
  await keyboard.press('Enter')
  await page.getByRole('complementary', { name: 'Note' }).waitFor()
  await expect.poll(() => focused(page)).toBe('Title')
  await keyboard.press('End')
  await keyboard.type(' again')
  await keyboard.press('Escape')
  await row('renamed again').waitFor()
  await page.waitForFunction(() => document.activeElement?.classList.contains('note-row'))
  await keyboard.press('Delete')
  await row('renamed again').waitFor({ state: 'detached' })
  expect(await page.locator('.note-row').count()).toBe(2)
  expect(app.complaints).toEqual([])
  await app.close()
})

it('finds notes again after a reload, and searches in them', async () => {
  const app = await App.alone(browser, site)
  const { page } = app
  await page.getByRole('button', { name: 'Create 5,000 samples' }).click()
  await page.getByText('5,000 notes', { exact: true }).waitFor()
  await page.getByText(/are on disk after/).waitFor()
  await page.reload()
  await page.getByText('5,000 notes', { exact: true }).waitFor()
  expect(await page.locator('.note-row').count(), 'rows that are rendered').toBeLessThan(60)
  await page.getByRole('searchbox').fill('garden piano')
  await page.getByText(/ of 5,000 notes/).waitFor()
  await page.locator('.note-row').first().focus()
  await page.keyboard.press('End')
  await page.waitForFunction(() => Number((document.activeElement as HTMLElement | null)?.dataset.index) > 0)
  await page.getByRole('searchbox').fill('nothing is like this')
  await page.getByRole('button', { name: 'Show all' }).click()
  await page.getByText('5,000 notes', { exact: true }).waitFor()
  await app.close()
})

it('completes, runs and corrects SQL without a mouse', async () => {
  const app = await App.alone(browser, site)
  const { page } = app
  await app.visit('console')
  const text = page.getByLabel('SQL', { exact: true })
  await text.fill('')
  await text.pressSequentially('SELECT ti')
  await page.getByRole('option', { name: /^title/ }).waitFor()
  await page.keyboard.press('Tab')
  await text.pressSequentially(' FROM demo.no')
  await page.getByRole('option', { name: /^demo\.notes/ }).waitFor()
  await page.keyboard.press('Enter')
  expect(await text.inputValue()).toBe('SELECT title FROM demo.notes')
  await page.keyboard.press('Control+Enter')
  await page.getByText('0 rows').waitFor()
  await text.fill('SELECT title\nFORM demo.notes')
  await page.keyboard.press('Control+Enter')
  await page.getByRole('alert').waitFor()
  expect(await page.locator('.lex-wrong').count(), 'what is marked').toBe(1)
  await page.getByRole('button', { name: /^Go to line 2/ }).focus()
  await page.keyboard.press('Enter')
  expect(await focused(page)).toBe('SQL')
  // Tab is no trap where no completions are open.
  await page.keyboard.press('Tab')
  expect((await focused(page)).trim()).toBe('Run')
  await app.close()
})

it('offers only functions that there are', async () => {
  const app = await App.alone(browser, site)
  const { page } = app
  await app.visit('console')
  const isUnknown = async (call: string): Promise<boolean> => {
    await page.getByLabel('SQL', { exact: true }).fill(`SELECT ${call}`)
    await page.getByRole('button', { name: 'Run' }).click()
    const outcome = page.locator('.outcome-line.problem, .outcome')
    return /invalid function/i.test(await outcome.innerText())
  }
  const unknown: string[] = []
  for (const name of [...FUNCTIONS, 'md5']) {
    const call = name === 'extract' ? 'extract(YEAR FROM now())' : `${name}()`
    if ((await isUnknown(call)) && (await isUnknown(`${call} OVER ()`))) unknown.push(name)
  }
  expect(unknown, 'hashes are on servers only').toEqual(['md5'])
  await app.close()
})

it('downloads what a query gave', async () => {
  const app = await App.alone(browser, site)
  const { page } = app
  await app.visit('console')
  await page.getByLabel('SQL', { exact: true }).fill("INSERT INTO demo.notes (title) VALUES ('a, \"b\"')")
  await page.getByRole('button', { name: 'Run' }).click()
  await page.getByText('INSERT, 1 row written').waitFor()
  await page.getByLabel('SQL', { exact: true }).fill('SELECT title, stars FROM demo.notes')
  await page.getByRole('button', { name: 'Run' }).click()
  await page.getByText('1 row', { exact: false }).first().waitFor()
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()])
  const chunks: Buffer[] = []
  for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer)
  expect(Buffer.concat(chunks).toString()).toBe('title,stars\r\n"a, ""b""",0\r\n')
  await app.close()
})

it('keeps the colours that were chosen', async () => {
  const app = await App.alone(browser, site)
  const { page } = app
  const back = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  const light = await back()
  await page.getByRole('button', { name: 'Dark' }).click()
  const dark = await back()
  expect(dark).not.toBe(light)
  await page.reload()
  await page.getByRole('heading', { name: 'Notes', level: 1 }).waitFor()
  expect(await back()).toBe(dark)
  await app.close()
})

it('asks before it loses what no server has', async () => {
  const app = await App.alone(browser, site)
  const { page } = app
  await page.getByLabel('New task').fill('not sent')
  await page.keyboard.press('Enter')
  await page.locator('.note-row', { hasText: 'not sent' }).waitFor()
  await app.visit('inspector')
  await page.getByRole('button', { name: 'Sign out', exact: true }).click()
  await page.getByRole('button', { name: 'Stay signed in' }).click()
  await page.getByRole('button', { name: 'Sign out', exact: true }).click()
  await page.getByRole('button', { name: 'Sign out and lose it' }).click()
  await page.getByRole('button', { name: 'Work without a server' }).click()
  await app.visit('notes')
  await page.getByText('0 notes', { exact: true }).waitFor()
  await app.close()
})
