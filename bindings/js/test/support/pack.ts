/** Packs results as the engine does: columns by type. */
export interface PackedColumn {
  readonly name: string
  readonly type: number
  readonly scale?: number
  /** Each value as its bytes, or null. */
  readonly values: readonly (Uint8Array | null)[]
}

export interface PackedResult {
  readonly tag: string
  readonly affected?: number
  readonly mutation?: number
  readonly columns?: readonly PackedColumn[]
  readonly rows?: number
}

const WIDTHS: Record<number, number> = {
  1: 1,
  2: 2,
  3: 4,
  4: 8,
  5: 4,
  6: 8,
  7: 16,
  10: 4,
  11: 8,
  12: 8,
  13: 16,
  15: 8,
  17: 8
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

export function bytesOf(width: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(width)
  write(new DataView(bytes.buffer))
  return bytes
}

export const u32 = (value: number): Uint8Array => bytesOf(4, (view) => view.setUint32(0, value, true))
export const i64 = (value: bigint): Uint8Array => bytesOf(8, (view) => view.setBigInt64(0, value, true))
export const f64 = (value: number): Uint8Array => bytesOf(8, (view) => view.setFloat64(0, value, true))

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

const text = (value: string): Uint8Array => concat([u32(utf8(value).length), utf8(value)])

export function packResults(results: readonly PackedResult[]): Uint8Array {
  return concat([u32(results.length), ...results.map(packResult)])
}

function packResult({
  tag,
  affected = 0,
  mutation = 0,
  columns = [],
  rows = columns[0]?.values.length ?? 0
}: PackedResult): Uint8Array {
  return concat([text(tag), f64(affected), f64(mutation), u32(columns.length), u32(rows), ...columns.map(packColumn)])
}

function packColumn({ name, type, scale, values }: PackedColumn): Uint8Array {
  const bits = new Uint8Array(Math.ceil(values.length / 8))
  values.forEach((value, at) => {
    if (value !== null) bits[at >> 3] = (bits[at >> 3] as number) | (1 << (at & 7))
  })
  const head = [text(name), Uint8Array.of(type, ...(scale === undefined ? [] : [scale])), bits]
  const width = WIDTHS[type]
  if (width !== undefined) return concat([...head, ...values.map((value) => value ?? new Uint8Array(width))])
  let end = 0
  const ends = values.map((value) => u32((end += value?.length ?? 0)))
  return concat([...head, ...ends, ...values.map((value) => value ?? new Uint8Array())])
}

/** Rows of TEXT and BIGINT-as-number columns, which is all that the fake engine has. */
export function packRows(
  tag: string,
  names: readonly string[],
  rows: readonly (readonly (string | number | boolean | null)[])[],
  mutation = 0
): Uint8Array {
  const columns = names.map((name, at): PackedColumn => {
    const isOf = (type: string): boolean => rows.some((row) => typeof row[at] === type)
    const cell = (value: string | number | boolean | null | undefined): Uint8Array | null => {
      if (value === null || value === undefined) return null
      if (typeof value === 'boolean') return Uint8Array.of(Number(value))
      return typeof value === 'number' ? i64(BigInt(value)) : utf8(value)
    }
    const type = isOf('number') ? 17 : isOf('boolean') ? 1 : 8
    return { name, type, values: rows.map((row) => cell(row[at])) }
  })
  return packResults([{ tag, mutation, columns, rows: rows.length }])
}

/** Parameters back from their bytes. */
export function unpackParameters(bytes: Uint8Array): unknown[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const values: unknown[] = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] as number
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  const slice = (length: number): Uint8Array => bytes.slice(at, (at += length))
  while (at < bytes.length) {
    const kind = bytes[at++]
    if (kind === 0) values.push(null)
    else if (kind === 1 || kind === 2) values.push(kind === 2)
    else if (kind === 3) values.push(view.getBigInt64((at += 8) - 8, true))
    else if (kind === 4) values.push(view.getFloat64((at += 8) - 8, true))
    else if (kind === 5) values.push(new TextDecoder().decode(slice(varint())))
    else if (kind === 6) values.push(slice(varint()))
    else if (kind === 7) values.push({ micros: view.getBigInt64((at += 8) - 8, true) })
    else throw new Error(`kind ${kind}`)
  }
  return values
}
