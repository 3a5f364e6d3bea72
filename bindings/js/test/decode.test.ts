import { describe, expect, it } from 'vitest'
import { decodeHeads, decodeMutations, decodeResults } from '../src/values/decode.js'
import type { ValueOptions } from '../src/values/columns.js'
import { bytesOf, f64, i64, type PackedColumn, packResults, utf8 } from './support/pack.js'

const options: ValueOptions = { timestamps: 'date', numbers: new Set(['small']) }

function column(
  type: number,
  values: PackedColumn['values'],
  more: Partial<PackedColumn> = {},
  with_: ValueOptions = options
): unknown[] {
  const name = more.name ?? 'c'
  const bytes = packResults([{ tag: 'SELECT', columns: [{ name, type, values, ...more }] }])
  return decodeResults(bytes, with_)[0]!.rows.map((row) => row[name])
}

const i32 = (value: number): Uint8Array => bytesOf(4, (view) => view.setInt32(0, value, true))
const f32 = (value: number): Uint8Array => bytesOf(4, (view) => view.setFloat32(0, value, true))
const decimal = (value: bigint): Uint8Array =>
  bytesOf(16, (view) => {
    view.setBigUint64(0, BigInt.asUintN(64, value), true)
    view.setBigInt64(8, value >> 64n, true)
  })

describe('values by type', () => {
  it('reads numbers and truth, and NULL anywhere', () => {
    expect(column(1, [Uint8Array.of(1), null, Uint8Array.of(0)])).toEqual([true, null, false])
    expect(column(2, [bytesOf(2, (view) => view.setInt16(0, -7, true)), null])).toEqual([-7, null])
    expect(column(3, [i32(-2147483648), i32(2147483647)])).toEqual([-2147483648, 2147483647])
    expect(column(4, [i64(2n ** 63n - 1n), null, i64(-1n)])).toEqual([2n ** 63n - 1n, null, -1n])
    expect(column(5, [f32(0.1), f32(3), f32(Number.NaN), f32(1.17549435e-38)])).toEqual([
      0.1,
      3,
      Number.NaN,
      1.1754944e-38
    ])
    expect(column(6, [f64(0.1), null, f64(-Infinity)])).toEqual([0.1, null, -Infinity])
  })

  it('reads more than eight rows of validity bits', () => {
    const values = Array.from({ length: 21 }, (_, at) => (at % 3 === 0 ? null : i32(at)))
    expect(column(3, values)).toEqual(Array.from({ length: 21 }, (_, at) => (at % 3 === 0 ? null : at)))
  })

  it('reads decimals of 38 digits with their sign', () => {
    expect(column(7, [decimal(-150n), decimal(5n), decimal(10n ** 37n), null], { scale: 2 })).toEqual([
      '-1.50',
      '0.05',
      `1${'0'.repeat(35)}.00`,
      null
    ])
    expect(column(7, [decimal(-3n)], { scale: 0 })).toEqual(['-3'])
  })

  it('cuts text by bytes, also beyond ascii', () => {
    expect(column(8, [utf8('plain'), utf8(''), null, utf8('text')])).toEqual(['plain', '', null, 'text'])
    expect(column(8, ['ä', '\ufeffmark', '😀x', '漢字', ''].map(utf8))).toEqual(['ä', '\ufeffmark', '😀x', '漢字', ''])
    expect(column(8, [])).toEqual([])
  })

  it('reads bytes as copies', () => {
    expect(column(9, [Uint8Array.of(1, 2), Uint8Array.of(), null])).toEqual([
      Uint8Array.of(1, 2),
      new Uint8Array(),
      null
    ])
  })

  it('reads days, times, timestamps', () => {
    expect(column(10, [i32(0), i32(-1), i32(19782), null])).toEqual(['1970-01-01', '1969-12-31', '2024-02-29', null])
    expect(() => column(10, [i32(2 ** 30)])).toThrow(expect.objectContaining({ code: 'out_of_range' }))
    expect(column(11, [i64(0n), i64(45_296_000_000n), i64(45_296_120_000n), i64(86_399_999_999n)])).toEqual([
      '00:00:00',
      '12:34:56',
      '12:34:56.120',
      '23:59:59.999999'
    ])
    expect(column(12, [i64(-1n), i64(1_000_001n)])).toEqual([new Date(-1), new Date(1000)])
    const iso = column(12, [i64(-1n), i64(1_000_001n), null], {}, { ...options, timestamps: 'iso' })
    expect(iso).toEqual(['1969-12-31T23:59:59.999999Z', '1970-01-01T00:00:01.000001Z', null])
    expect(() => column(12, [i64(2n ** 63n - 1n)])).toThrow(
      expect.objectContaining({ kind: 'invalid', code: 'out_of_range' })
    )
  })

  it('reads uuids', () => {
    const bytes = Uint8Array.from({ length: 16 }, (_, at) => at * 17)
    expect(column(13, [bytes, null, bytes])).toEqual([
      '00112233-4455-6677-8899-aabbccddeeff',
      null,
      '00112233-4455-6677-8899-aabbccddeeff'
    ])
  })

  it('parses json, with NULL apart from null', () => {
    expect(column(14, [utf8('{"a":[1]}'), null, utf8('null'), utf8('"é"')])).toEqual([{ a: [1] }, null, null, 'é'])
    expect(() => column(14, [utf8('{')])).toThrow(expect.objectContaining({ kind: 'corrupt', code: 'broken_json' }))
  })

  it('gives counters, counts and columns of the schema as numbers, if they fit', () => {
    expect(column(15, [i64(5n), i64(-3n)])).toEqual([5, -3])
    expect(column(17, [i64(BigInt(Number.MAX_SAFE_INTEGER)), i64(-BigInt(Number.MAX_SAFE_INTEGER))])).toEqual([
      Number.MAX_SAFE_INTEGER,
      -Number.MAX_SAFE_INTEGER
    ])
    expect(column(4, [i64(5n)], { name: 'small' })).toEqual([5])
    expect(() => column(4, [i64(2n ** 60n)], { name: 'small' })).toThrow('column `small` is beyond')
  })
})

describe('results', () => {
  it('have rows of one shape, columns and tags', () => {
    const bytes = packResults([
      { tag: 'INSERT', affected: 2, mutation: 7 },
      {
        tag: 'SELECT',
        columns: [
          { name: 'id', type: 3, values: [i32(1), i32(2)] },
          { name: 'title', type: 8, values: [utf8('a'), null] }
        ]
      }
    ])
    const [insert, select] = decodeResults(bytes, options)
    expect(insert).toMatchObject({ tag: 'INSERT', affected: 2, mutation: 7, rows: [], columns: [] })
    expect(select?.rows).toEqual([
      { id: 1, title: 'a' },
      { id: 2, title: null }
    ])
    expect(select?.columns).toEqual([
      { name: 'id', type: 'INT' },
      { name: 'title', type: 'TEXT' }
    ])
    expect(decodeHeads(bytes)).toEqual([
      { tag: 'INSERT', mutation: 7 },
      { tag: 'SELECT', mutation: 0 }
    ])
    expect(decodeMutations(bytes)).toEqual([7])
  })

  it('have rows without columns', () => {
    expect(decodeResults(packResults([{ tag: 'SELECT', rows: 3 }]), options)[0]?.rows).toEqual([{}, {}, {}])
  })

  it('may name a column __proto__ and not two alike', () => {
    const one = { type: 3, values: [i32(1)] }
    const [result] = decodeResults(packResults([{ tag: 'SELECT', columns: [{ name: '__proto__', ...one }] }]), options)
    expect(Object.getPrototypeOf(result?.rows[0])).toBe(Object.prototype)
    expect(Object.entries(result?.rows[0] ?? {})).toEqual([['__proto__', 1]])
    const twice = packResults([
      {
        tag: 'SELECT',
        columns: [
          { name: 'id', ...one },
          { name: 'id', ...one }
        ]
      }
    ])
    expect(() => decodeResults(twice, options)).toThrow('two columns of the result are named `id`')
  })

  it('that are cut off or of another version are refused', () => {
    const bytes = packResults([{ tag: 'SELECT', columns: [{ name: 'id', type: 99, values: [] }] }])
    expect(() => decodeResults(bytes, options)).toThrow('unknown type 99')
    for (const length of [0, 3, 8])
      expect(() => decodeResults(bytes.slice(0, length), options)).toThrow('ends too early')
  })
})
