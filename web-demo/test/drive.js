// The application in a browser, driven by another program: `cargo xtask demo --headless` does that. A command is a line of
// JSON on standard input, its answer one on standard output. The browser ends with the input.
//
//     ["open", "http://127.0.0.1:7171/?user=UA"]     {"value": "Chromium 140.0.7339.127"}
//     ["online"]                                     {"error": "`online`: …"}

import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { launch } from './chromium.js'

/** How long what a command waits for may take. */
const DEADLINE_MILLIS = 120_000
/** How long the page may take to say how much waits for the server. */
const WAITING_MILLIS = 10_000

const browser = await launch().catch((error) => {
  console.error(error.message)
  process.exit(1)
})
const page = await browser.newPage()
page.setDefaultTimeout(DEADLINE_MILLIS)

/** What went wrong in the page, and nobody asked for. @type {string[]} */
const complaints = []
page.on('pageerror', (error) => complaints.push(error.message))
page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())))

/** What the page says about its server. */
const state = () => page.locator('.top .pill-text')
/** As a filter of texts takes it: all of the text and not a part. @param {string} text */
const exactly = (text) => new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`)
/** @param {string} text */
const says = (text) => state().filter({ hasText: exactly(text) }).waitFor()
/** @param {string} title */
const note = (title) => page.locator('.note-row', { has: page.getByText(title, { exact: true }) })
/** @param {string} name of a page */
const visit = (name) => page.getByRole('navigation').getByRole('link', { name }).click()
const flip = () => page.getByRole('switch', { name: 'Offline' }).click()

/** @type {Record<string, (argument: string) => Promise<unknown>>} */
const commands = {
  /** Loads the application and waits until it has what the server has; gives the name of the browser. */
  async open(url) {
    await page.goto(url)
    await says('In sync')
    return `Chromium ${browser.version()}`
  },
  async offline() {
    await flip()
    await says('Offline')
  },
  async online() {
    await flip()
    await says('In sync')
  },
  /** Writes a task, and waits until the list has it. */
  async add(title) {
    await page.getByLabel('New task').fill(title)
    await page.keyboard.press('Enter')
    await note(title).waitFor()
  },
  async like(title) {
    await note(title).getByRole('button', { name: /^Like/ }).click()
  },
  /** Waits until the list has a note that someone else wrote. */
  async shows(title) {
    await note(title).waitFor()
  },
  /** Waits for a while until so many writes wait for the server, in the words of the page: `5 to send`. Gives what it says then. */
  async waiting(words) {
    const counts = page.locator('.top .pill-count')
    // Whoever asked compares what the page says instead.
    await counts.filter({ hasText: exactly(words) }).waitFor({ timeout: WAITING_MILLIS }).catch(() => {})
    return (await counts.allTextContents()).join(', ')
  },
  /** The rows of a query in the console, which is left again. */
  async query(sql) {
    await visit('SQL console')
    await page.getByLabel('SQL', { exact: true }).fill(sql)
    await page.getByRole('button', { name: 'Run' }).click()
    const problem = page.locator('.outcome-line.problem')
    await problem.or(page.getByRole('region', { name: 'Outcome' })).waitFor()
    if (await problem.isVisible()) throw new Error(await problem.innerText())
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'JSON' }).click()
    /** @type {Record<string, unknown>[]} */
    const rows = JSON.parse(await readFile(await (await download).path(), 'utf8'))
    await visit('Notes')
    return rows.map((row) => Object.values(row))
  },
  async complaints() {
    return complaints
  }
}

/** @param {string} line */
async function answer(line) {
  const [name = '', argument = ''] = JSON.parse(line)
  const command = commands[name]
  if (command === undefined) return { error: `${name} is no command; there are ${Object.keys(commands).join(', ')}` }
  try {
    return { value: (await command(argument)) ?? null }
  } catch (error) {
    const why = String(error instanceof Error ? error.message : error).split('\n')[0]?.replace(/\.$/, '')
    const shown = await state().innerText({ timeout: 1_000 }).catch(() => 'nothing')
    return { error: [`\`${[name, argument].join(' ').trim()}\`: ${why}; about its server the page says: ${shown}`, ...complaints].join('\n') }
  }
}

for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await answer(line)))
await browser.close()
