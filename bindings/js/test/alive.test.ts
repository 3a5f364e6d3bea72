/** The leader's page speaks for its worker, unless the browser has frozen it. */
import { afterEach, expect, it, vi } from 'vitest'
import { Alive } from '../src/client/alive.js'
import type { LobbyMessage } from '../src/worker/messages.js'

class Lobby {
  static last: Lobby | undefined
  onmessage: ((event: { data: LobbyMessage }) => void) | null = null
  readonly said: LobbyMessage[] = []
  isClosed = false

  constructor(readonly name: string) {
    Lobby.last = this
  }

  postMessage(message: LobbyMessage): void {
    this.said.push(message)
  }

  close(): void {
    this.isClosed = true
  }

  ping(): number {
    this.onmessage?.({ data: { type: 'ping', tab: 'other' } })
    return this.said.splice(0).length
  }
}

afterEach(() => {
  vi.unstubAllGlobals()
  Lobby.last = undefined
})

it('answers while it leads', () => {
  vi.stubGlobal('BroadcastChannel', Lobby)
  const alive = new Alive('notes')
  alive.set(false)
  expect(Lobby.last).toBeUndefined()
  alive.set(true)
  expect(Lobby.last?.name).toBe('kalamdb:notes')
  expect(Lobby.last?.ping()).toBe(1)
  alive.set(false)
  expect(Lobby.last?.isClosed).toBe(true)
})

it('says nothing while its page is frozen', () => {
  vi.stubGlobal('BroadcastChannel', Lobby)
  const page = new EventTarget()
  vi.stubGlobal('document', page)
  const alive = new Alive('notes')
  alive.set(true)
  page.dispatchEvent(new Event('freeze'))
  expect(Lobby.last?.ping()).toBe(0)
  page.dispatchEvent(new Event('resume'))
  expect(Lobby.last?.ping()).toBe(1)
})
