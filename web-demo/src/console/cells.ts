/** A value as text for people and for files; empty for NULL. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return `\\x${Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Rows as CSV of RFC 4180, with the names of the columns first. */
export function toCsv(columns: readonly string[], rows: readonly Record<string, unknown>[]): string {
  const field = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  const lines = [columns.map(field), ...rows.map((row) => columns.map((column) => field(cellText(row[column]))))]
  return `${lines.map((line) => line.join(',')).join('\r\n')}\r\n`
}

/** Rows as JSON; what JSON has no form for becomes text. */
export function toJson(rows: readonly Record<string, unknown>[]): string {
  const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)
  const bytes = rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value instanceof Uint8Array ? cellText(value) : value])))
  return `${JSON.stringify(bytes, plain, 2)}\n`
}

/** Hands a file to the browser to save. */
export function save(name: string, type: string, content: string | Uint8Array): void {
  const address = URL.createObjectURL(new Blob([content as BlobPart], { type }))
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  URL.revokeObjectURL(address)
}
