import { isKalamError, KalamError, kalamError, plainError } from '../errors.js'
import type { Attachment, FromWorker, TabInfo, ToWorker } from '../protocol.js'
import type { TabPort } from './attached.js'
import type { Channel, Environment } from './environment.js'
import { Follower } from './follower.js'
import { Asks, Leader } from './leader.js'
import { type LobbyMessage, names } from './messages.js'

type Open = ToWorker & { type: 'open' }

/**
 * The worker of a page: a follower until it holds the database's lock, and then the leader. Without locks or channels, or in
 * memory, it is alone.
 *
 * @internal
 */
export class Member {
  readonly #environment: Environment
  readonly #post: (message: FromWorker, transfers?: ArrayBuffer[]) => void
  readonly #asks = new Asks((ask) => this.#post({ type: 'ask', ask }))
  #open: Open | undefined
  #info: TabInfo | undefined
  #lobby: Channel | undefined
  #leader: Leader | undefined
  #follower: Follower | undefined
  #attachment = 0
  /** Ends the wait for the lock. */
  #waiting = new AbortController()
  /** Gives the lock back. */
  #release: (() => void) | undefined
  /** Gives the tab's own lock back. */
  #leave: (() => void) | undefined
  #isOver = false

  constructor(environment: Environment, post: (message: FromWorker, transfers?: ArrayBuffer[]) => void) {
    this.#environment = environment
    this.#post = post
  }

  /** Hears the page. */
  receive(message: ToWorker): void {
    switch (message.type) {
      case 'open':
        return this.#start(message)
      case 'calls':
        // An engine that is gone is not asked: what was not answered is sent again to the next one.
        if (message.attachment !== this.#attachment) return
        if (this.#leader !== undefined) this.#leader.host?.receive(this.#tab.tab, message.calls)
        else this.#follower?.send(message.calls)
        return
      case 'wish':
        this.#info = { ...this.#tab, wish: message.wish }
        return
      case 'token':
        if (this.#leader !== undefined) this.#asks.answer(message)
        else this.#follower?.token(message)
        return
      case 'close':
        return void this.#close()
    }
  }

  get #tab(): TabInfo {
    if (this.#info === undefined)
      throw new KalamError('internal', 'not_open', 'a worker was called before it was told what to open')
    return this.#info
  }

  #start(open: Open): void {
    this.#open = open
    this.#info = open.info
    const { name } = open.options
    const { locks, channel } = this.#environment
    if (name === undefined || locks === undefined || channel === undefined) return void this.#lead()
    this.#lobby = channel(names.database(name))
    this.#lobby.onmessage = ({ data }) => {
      const message = data as LobbyMessage
      if (message.type === 'ended') return this.#end(kalamError(message.error))
      this.#leader?.heard(message)
      this.#follower?.heard(message)
    }
    const gone = new Promise<void>((resolve) => (this.#leave = resolve))
    const held = new Promise<void>((resolve) => {
      const request = locks.request(names.tab(name, open.info.tab), {}, async () => {
        resolve()
        await gone
      })
      // Refused together with the database's, which tells.
      request.catch((error: unknown) => isRefused(error) || this.#end(error))
    })
    this.#stand(false)
    // A leader watches the tab's lock.
    void held.then(() => {
      if (this.#leader === undefined && !this.#isOver) this.#follow(name)
    })
  }

  /** Wants to be the leader: when its turn comes, or at once. */
  #stand(steal: boolean): void {
    const name = this.#open?.options.name
    const { locks } = this.#environment
    if (name === undefined || locks === undefined || this.#isOver) return
    this.#waiting.abort()
    this.#waiting = new AbortController()
    const options = steal ? { steal } : { signal: this.#waiting.signal }
    let isHeld = false
    const request = locks.request(names.database(name), options, () => {
      isHeld = true
      return new Promise<void>((resolve) => {
        this.#release = resolve
        void this.#lead()
      })
    })
    request.catch((error: unknown) => {
      // Held and yet refused: another tab has stolen it. Not held: the wait was ended by this tab.
      if (isHeld) void this.#stepDown()
      else if (isRefused(error)) this.#leadAlone()
      else if (!isAbort(error)) this.#end(error)
    })
  }

  /** Where a page may store nothing, there are no locks, either. */
  #leadAlone(): void {
    this.#lobby?.close()
    this.#lobby = undefined
    void this.#lead()
  }

  #follow(name: string): void {
    this.#follower?.close()
    this.#follower = new Follower(name, () => this.#tab, this.#environment, {
      lobby: (message) => this.#lobby?.postMessage(message),
      attached: (to) => this.#attached(to),
      answers: (answers) => this.#post({ type: 'answers', attachment: this.#attachment, answers }),
      ask: (ask) => this.#post({ type: 'ask', ask }),
      failed: (error) => this.#post({ type: 'failed', error }),
      ended: (error) => {
        this.#over()
        this.#post({ type: 'ended', error })
      },
      silent: () => this.#stand(true)
    })
  }

  async #lead(): Promise<void> {
    const { options } = this.#open as Open
    this.#follower?.close()
    this.#follower = undefined
    const leader: Leader = new Leader(options.name, this.#environment, {
      lobby: (message) => this.#lobby?.postMessage(message),
      crashed: (error) => this.#post({ type: 'crashed', error: crash(error) }),
      superseded: () => void this.#stepDown(),
      useless: () => void this.#stepDown(),
      wiped: () => leader.end(SIGNED_OUT),
      left: () => this.#end(SIGNED_OUT)
    })
    this.#leader = leader
    const port: TabPort = {
      send: (answers, transfers) => {
        if (this.#leader === leader) this.#post({ type: 'answers', attachment: this.#attachment, answers }, transfers)
      },
      ask: () => this.#asks.ask(),
      failed: (error) => this.#post({ type: 'failed', error: plainError(error) }),
      ended: (error) => this.#post({ type: 'ended', error: plainError(error) })
    }
    try {
      const to = await leader.open(options, this.#tab, port)
      if (this.#leader === leader) this.#attached(to)
    } catch (error) {
      if (this.#leader !== leader) return
      if (isKalamError(error) && error.code === 'superseded') void this.#stepDown()
      else this.#end(error)
    }
  }

  /** Another tab has the database, or may have it: this one closes its engine, which can write no more, and follows. */
  async #stepDown(): Promise<void> {
    const leader = this.#leader
    const name = this.#open?.options.name
    if (leader === undefined || this.#isOver) return
    if (this.#lobby === undefined || name === undefined) {
      // It cannot ask the other one.
      await leader.close().catch(() => {})
      return this.#end(noSharing())
    }
    this.#leader = undefined
    this.#attachment++
    this.#post({ type: 'detached' })
    this.#release?.()
    this.#release = undefined
    this.#asks.end()
    await leader.close().catch(() => {
      // It could not write any more, which is the reason for all this.
    })
    if (this.#isOver) return
    this.#stand(false)
    this.#follow(name)
  }

  #attached(to: Attachment): void {
    this.#attachment++
    this.#post({ type: 'attached', attachment: this.#attachment, to })
  }

  async #close(): Promise<void> {
    try {
      await this.#leader?.close()
    } catch (error) {
      this.#post({ type: 'failed', error: plainError(error) })
    }
    this.#over()
    this.#post({ type: 'closed' })
  }

  #end(error: unknown): void {
    this.#over()
    this.#post({ type: 'ended', error: plainError(error) })
  }

  /** Leaves the other tabs alone. */
  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#waiting.abort()
    this.#follower?.close()
    this.#follower = undefined
    this.#leader = undefined
    this.#release?.()
    this.#leave?.()
    if (this.#lobby !== undefined) this.#lobby.onmessage = null
    this.#lobby?.close()
    this.#asks.end()
  }
}

const SIGNED_OUT = new KalamError('closed', 'signed_out', 'the database was closed by signing out: open it again')

const noSharing = (): KalamError =>
  new KalamError(
    'closed',
    'superseded',
    'another tab has opened the database, and tabs of this page cannot share it: serve the page over HTTPS or from localhost, where browsers have Web Locks'
  )

const isRefused = (error: unknown): boolean => error instanceof Error && error.name === 'SecurityError'

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError'

function crash(error: unknown): ReturnType<typeof plainError> {
  return { ...plainError(error), code: 'worker_crashed' }
}
