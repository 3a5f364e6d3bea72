/** Whom a follower believes, when a leader that was frozen does not know yet that it is none any more. */
import { expect, it } from 'vitest'
import type { Attachment } from '../src/protocol.js'
import type { Channel, Environment } from '../src/worker/environment.js'
import { Follower } from '../src/worker/follower.js'
import { type LobbyMessage, TABS_VERSION, type ToFollower, type ToLeader } from '../src/worker/messages.js'

const attachment = { role: 'follower' } as Attachment

class Tab {
  readonly hellos: LobbyMessage[] = []
  readonly sent: ToLeader[] = []
  readonly ends: string[] = []
  attached = 0
  readonly #channel: Channel = {
    postMessage: (message) => void this.sent.push(message as ToLeader),
    close: () => {},
    onmessage: null
  }
  readonly follower = new Follower(
    'db',
    () => ({ tab: 'own', prefix: new Uint8Array(10), tokens: false }),
    { channel: () => this.#channel, now: () => 0, after: () => () => {}, random: () => 0 } as unknown as Environment,
    {
      lobby: (message) => {
        if (message.type === 'hello') this.hellos.push(message)
      },
      attached: () => void this.attached++,
      answers: () => {},
      ask: () => {},
      failed: () => {},
      ended: ({ code }) => void this.ends.push(code),
      silent: () => {}
    }
  )

  welcome(term: string, version = TABS_VERSION): void {
    this.#channel.onmessage?.({ data: { type: 'welcome', version, term, to: attachment } satisfies ToFollower })
  }

  pong(term: string, known = true): void {
    this.follower.heard({ type: 'pong', tab: 'own', known, term, from: 'worker' })
  }

  /** The term that its calls go to. */
  get term(): string | undefined {
    this.follower.send({ calls: [], bytes: new Uint8Array() })
    return this.sent.pop()?.term
  }
}

it('a welcome that nobody waits for is not heard', () => {
  const tab = new Tab()
  tab.welcome('present')
  tab.welcome('past')
  expect([tab.attached, tab.term]).toEqual([1, 'present'])
  // The same leader attaches it anew: what it was asked before is lost.
  tab.welcome('present')
  expect([tab.attached, tab.term]).toEqual([2, 'present'])
})

it('a follower of a past leader finds the present one by its answer to a ping', () => {
  const tab = new Tab()
  tab.welcome('past')
  tab.pong('past')
  expect(tab.hellos).toHaveLength(1)
  tab.pong('present')
  expect(tab.hellos).toHaveLength(2)
  tab.welcome('present')
  expect([tab.attached, tab.term]).toEqual([2, 'present'])
})

it('says which version it is, and leaves a leader of another one', () => {
  const tab = new Tab()
  expect(tab.hellos).toMatchObject([{ version: TABS_VERSION }])
  tab.welcome('other', TABS_VERSION + 1)
  expect([tab.attached, tab.term, tab.ends]).toEqual([0, undefined, ['other_version']])
})
