import { describe, expect, it } from 'vitest'
import { encodeParameters, ParameterWriter } from '../src/values/encode.js'
import { unpackParameters } from './support/pack.js'

const back = (...values: unknown[]): unknown[] => unpackParameters(encodeParameters(values))

describe('parameters', () => {
  it('keep their kind', () => {
    expect(back(null, true, false, 5, -5, 1.5, 2n ** 63n - 1n, -(2n ** 63n))).toEqual([
      null,
      true,
      false,
      5n,
      -5n,
      1.5,
      2n ** 63n - 1n,
      -(2n ** 63n)
    ])
    expect(back(2 ** 60, Number.NaN, -0)).toEqual([2 ** 60, Number.NaN, 0n])
    expect(back(new Date(-1))).toEqual([{ micros: -1000n }])
    expect(
      back(Uint8Array.of(1, 2), Uint8Array.of(7, 8, 9).subarray(1), new Uint16Array([258]), new ArrayBuffer(2))
    ).toEqual([Uint8Array.of(1, 2), Uint8Array.of(8, 9), Uint8Array.of(2, 1), Uint8Array.of(0, 0)])
  })

  it('keep text of any length', () => {
    for (const length of [0, 1, 42, 43, 127, 128, 5_000, 100_000]) {
      for (const unit of ['x', 'ä', '漢', '😀'])
        expect(back(unit.repeat(length), 'behind')).toEqual([unit.repeat(length), 'behind'])
    }
    expect(back(new Uint8Array(70_000).fill(9))).toEqual([new Uint8Array(70_000).fill(9)])
  })

  it('write arrays and plain objects as JSON', () => {
    class Point {
      toJSON(): unknown {
        return { x: 1 }
      }
    }
    expect(back([1, { a: null }], { b: 'ü' }, new Point(), Object.create(null))).toEqual([
      '[1,{"a":null}]',
      '{"b":"ü"}',
      '{"x":1}',
      '{}'
    ])
  })

  it.each([
    ['undefined', undefined, 'parameter 2 is undefined: pass null'],
    ['a function', () => 1, 'parameter 2 is a function'],
    ['a symbol', Symbol('s'), 'parameter 2 is a symbol'],
    ['a Date without time', new Date('x'), 'parameter 2 is a Date that is no time'],
    ['a bigint beyond 64 bits', 2n ** 63n, 'parameter 2: the bigint 9223372036854775808 does not fit 64 bits'],
    ['a Map', new Map(), 'parameter 2 is a Map'],
    ['half a surrogate', 'a\ud800', 'parameter 2 is text with half of a surrogate pair'],
    ['JSON of a bigint', { n: 1n }, 'parameter 2 cannot be written as JSON'],
    ['a promise', Promise.resolve(1), 'parameter 2 is a Promise']
  ])('refuse %s', (_, value, message) => {
    expect(() => encodeParameters([1, value])).toThrow(message)
    expect(() => encodeParameters([1, value])).toThrow(
      expect.objectContaining({ kind: 'invalid', code: 'bad_parameter' })
    )
  })

  it('refuse a cycle', () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    expect(() => encodeParameters([cycle])).toThrow('parameter 1 cannot be written as JSON')
  })

  it('leave nothing behind when one is refused', () => {
    const writer = new ParameterWriter()
    expect(() => writer.encode(['kept?', undefined])).toThrow()
    expect(unpackParameters(writer.encode([1]))).toEqual([1n])
    expect(writer.encode([])).toEqual(new Uint8Array())
  })

  it('stay as they are while others are written behind them', () => {
    const writer = new ParameterWriter()
    const written = Array.from({ length: 5_000 }, (_, at) => writer.encode([at, 'x'.repeat(at % 100)]))
    for (const [at, bytes] of written.entries())
      expect(unpackParameters(bytes)).toEqual([BigInt(at), 'x'.repeat(at % 100)])
    expect(new Set(written.map((bytes) => bytes.buffer)).size).toBeLessThan(20)
  })
})
