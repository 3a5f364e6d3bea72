import type { Browser, Page } from 'playwright-core'

/** A task of the page's main thread. */
export interface Task {
  /** Milliseconds for which it was computing: on a busy machine a task lasts longer than it works. */
  readonly ms: number
  /** Milliseconds from its beginning to its end. */
  readonly lasted: number
}

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  readonly dur?: number
  readonly tdur?: number
  readonly args?: { readonly name?: string }
}

/** Runs `work` and gives the tasks of the page's main thread meanwhile, the longest first. */
export async function tasksOf(browser: Browser, page: Page, work: () => Promise<void>): Promise<readonly Task[]> {
  await browser.startTracing(page, { categories: ['toplevel', 'disabled-by-default-devtools.timeline', 'devtools.timeline', '__metadata'] })
  try {
    await work()
  } catch (error) {
    await browser.stopTracing()
    throw error
  }
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] }
  const mains = new Set(traceEvents.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain').map(({ pid, tid }) => `${pid} ${tid}`))
  return traceEvents
    .filter(({ name, ph, pid, tid }) => ph === 'X' && name === 'RunTask' && mains.has(`${pid} ${tid}`))
    .map(({ dur = 0, tdur = dur }) => ({ ms: tdur / 1000, lasted: dur / 1000 }))
    .sort((a, b) => b.ms - a.ms)
}
