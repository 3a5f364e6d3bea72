import { type KalamError, KalamError as Failure, kalamError, plainError } from '../errors.js'
import type { Answers, Attachment, Calls, FromWorker, SyncWish, ToWorker } from '../protocol.js'
import { workerFailure } from './diagnose.js'

/** What a page hears of its worker. @internal */
export interface LinkHandlers {
  /** What the worker is to open. */
  hello(): ToWorker & { type: 'open' }
  /** There is an engine. */
  attached(to: Attachment, lost: { readonly error: KalamError; readonly crashed: boolean } | undefined): void
  /** The engine is gone, and there is none until the page is attached again. */
  detached(): void
  answers(answers: Answers): void
  token(): Promise<string>
  /** The store does not work any more. */
  failed(error: KalamError): void
  /** There will be no engine any more. */
  ended(error: KalamError): void
}

/** How often the worker is started again within {@link RESTARTS_MILLIS}. */
const RESTARTS_MAX = 5
const RESTARTS_MILLIS = 60_000
/** How long a worker may take to say that its script runs. */
const START_MILLIS = 30_000
/** How long a worker may take to close before it is terminated. */
const CLOSE_MILLIS = 5_000

/** The page's worker, which is started anew when it crashes. @internal */
export class Link {
  readonly #spawn: () => Worker
  readonly #handlers: LinkHandlers
  #worker: Worker | undefined
  #starting: ReturnType<typeof setTimeout> | undefined
  #attachment = 0
  #isAttached = false
  #hasAttached = false
  #crash: KalamError | undefined
  #crashes: number[] = []
  #closed: (() => void) | undefined

  constructor(spawn: () => Worker, handlers: LinkHandlers) {
    this.#spawn = spawn
    this.#handlers = handlers
  }

  /** Whether calls can be sent. */
  get isAttached(): boolean {
    return this.#isAttached
  }

  start(): void {
    let worker: Worker
    try {
      worker = this.#spawn()
    } catch (cause) {
      this.#end(
        new Failure(
          'internal',
          'module_not_loaded',
          `the worker of kalamdb cannot be made: ${plainError(cause).message}. Pass \`worker: () => new Worker(…)\` to open()`,
          { cause }
        )
      )
      return
    }
    this.#worker = worker
    let isAlive = false
    const isCurrent = (): boolean => this.#worker === worker
    const notLoaded = (event?: Event): void => {
      void workerFailure(this.#spawn, event).then((error) => {
        // It may have come to life meanwhile, on a slow network.
        if (isCurrent() && !isAlive) this.#end(error)
      })
    }
    worker.onmessage = ({ data }: MessageEvent<FromWorker | { type: 'alive' }>) => {
      if (!isCurrent()) return
      isAlive = true
      clearTimeout(this.#starting)
      if (data.type !== 'alive') this.#heard(data)
    }
    worker.onerror = (event) => {
      event.preventDefault()
      if (!isCurrent()) return
      if (!isAlive && !this.#hasAttached) notLoaded(event)
      else
        this.#restart(
          new Failure(
            'internal',
            'worker_crashed',
            `the database's worker failed: ${event.message || 'it could not be loaded'}`
          )
        )
    }
    worker.onmessageerror = () => {
      if (isCurrent())
        this.#restart(
          new Failure('internal', 'worker_crashed', "a message from the database's worker could not be read")
        )
    }
    this.#starting = setTimeout(() => {
      if (isCurrent() && !isAlive) notLoaded()
    }, START_MILLIS)
    this.#post(this.#handlers.hello())
  }

  /** Sends calls to the engine that the page is attached to. */
  send(calls: Calls): void {
    const { bytes } = calls
    const transfer = typeof bytes === 'string' ? [] : [bytes.buffer as ArrayBuffer]
    this.#post({ type: 'calls', attachment: this.#attachment, calls }, transfer)
  }

  /** Tells what the page wants of sync, for engines to come. */
  wish(wish: SyncWish): void {
    this.#post({ type: 'wish', wish })
  }

  /** Closes the engine if it is this worker's, and ends the worker. */
  async close(): Promise<void> {
    const worker = this.#worker
    if (worker === undefined) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, CLOSE_MILLIS)
      this.#closed = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#post({ type: 'close' })
    })
    this.terminate()
  }

  terminate(): void {
    clearTimeout(this.#starting)
    this.#isAttached = false
    const worker = this.#worker
    this.#worker = undefined
    worker?.terminate()
  }

  #post(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.#worker?.postMessage(message, transfer)
  }

  #heard(message: FromWorker): void {
    switch (message.type) {
      case 'attached': {
        const lost = this.#hasAttached
          ? {
              error:
                this.#crash ??
                new Failure(
                  'retry',
                  'leader_gone',
                  'the tab that held the database is gone: run the transaction again'
                ),
              crashed: this.#crash !== undefined
            }
          : undefined
        this.#attachment = message.attachment
        this.#isAttached = true
        this.#hasAttached = true
        this.#crash = undefined
        return this.#handlers.attached(message.to, lost)
      }
      case 'detached':
        return this.#detach()
      case 'answers':
        // An engine that the page has left may still speak.
        if (message.attachment === this.#attachment && this.#isAttached) this.#handlers.answers(message.answers)
        return
      case 'ask':
        return void this.#token(message.ask)
      case 'failed':
        return this.#handlers.failed(kalamError(message.error))
      case 'crashed':
        return this.#restart(kalamError(message.error))
      case 'ended':
        return this.#end(kalamError(message.error))
      case 'closed':
        return this.#closed?.()
    }
  }

  async #token(ask: number): Promise<void> {
    const worker = this.#worker
    const answer = await this.#handlers.token().then(
      (token): ToWorker => ({ type: 'token', ask, token }),
      (error: unknown): ToWorker => ({ type: 'token', ask, error: plainError(error) })
    )
    worker?.postMessage(answer)
  }

  #detach(): void {
    this.#isAttached = false
    this.#handlers.detached()
  }

  #restart(error: KalamError): void {
    this.terminate()
    this.#detach()
    const now = Date.now()
    this.#crashes = [...this.#crashes.filter((at) => now - at < RESTARTS_MILLIS), now]
    if (this.#closed !== undefined) return this.#closed()
    if (!this.#hasAttached) return this.#end(error)
    if (this.#crashes.length > RESTARTS_MAX) {
      return this.#end(
        new Failure(
          'internal',
          'worker_crashed',
          `the database's worker crashed ${this.#crashes.length} times within a minute and is not started again: ${error.message}`,
          { cause: error }
        )
      )
    }
    this.#crash = error
    this.start()
  }

  #end(error: KalamError): void {
    this.terminate()
    this.#closed?.()
    this.#handlers.ended(error)
  }
}
