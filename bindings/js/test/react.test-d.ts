import { expectTypeOf, test } from 'vitest'
import type { KalamProviderProps } from '../src/react.js'

test('a provider that opens a database takes no signal: it gives up when it is unmounted', () => {
  type Options = Extract<KalamProviderProps, { options: unknown }>['options']
  expectTypeOf<Options>().toHaveProperty('name')
  expectTypeOf<Options>().not.toHaveProperty('signal')
})
