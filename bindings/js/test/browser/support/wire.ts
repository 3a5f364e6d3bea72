/** The network between a device and a server, which can be cut. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export class Wire {
  readonly #to: URL
  readonly #sockets = new Set<Socket>()
  readonly #server: Server
  #isCut = false

  constructor(to: string) {
    this.#to = new URL(to)
    this.#server = createServer((near) => this.#connect(near))
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** From now on nothing comes through, and what was open is broken. */
  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.destroy()
  }

  mend(): void {
    this.#isCut = false
  }

  async stop(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #connect(near: Socket): void {
    if (this.#isCut) return void near.destroy()
    const far = connect(Number(this.#to.port), this.#to.hostname)
    for (const [socket, other] of [
      [near, far],
      [far, near]
    ] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  }
}
