import { type CommonBytes, PACKED_BYTES_MAX, type Packed } from '../protocol.js'

/** Up to so many bytes travel as a text: a message with a buffer costs a quarter more. */
const TEXT_BYTES_MAX = 1_024

/** Puts the small byte strings of a message into one buffer, and lists the large ones for transfer. @internal */
export class Packer {
  #bytes = new Uint8Array(1024)
  #length = 0
  #transfers: ArrayBuffer[] = []

  /** Adds bytes that belong to the caller no longer. */
  add(bytes: Uint8Array): Packed {
    if (bytes.length > PACKED_BYTES_MAX) {
      if (
        bytes.buffer instanceof ArrayBuffer &&
        bytes.byteLength === bytes.buffer.byteLength &&
        !this.#transfers.includes(bytes.buffer)
      ) {
        this.#transfers.push(bytes.buffer)
      }
      return bytes
    }
    const from = this.#length
    const to = from + bytes.length
    if (to > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(to, 2 * this.#bytes.length))
      grown.set(this.#bytes.subarray(0, from))
      this.#bytes = grown
    }
    this.#bytes.set(bytes, from)
    this.#length = to
    return [from, to]
  }

  /** The small ones together, and what the message may transfer; the packer is empty after. */
  take(): { bytes: CommonBytes; transfers: ArrayBuffer[] } {
    const used = this.#bytes.subarray(0, this.#length)
    const transfers = this.#transfers
    this.#length = 0
    this.#transfers = []
    if (used.length <= TEXT_BYTES_MAX) return { bytes: String.fromCharCode.apply(null, used as never), transfers }
    const bytes = used.slice()
    transfers.push(bytes.buffer)
    return { bytes, transfers }
  }
}

/** The common bytes of a message as bytes. @internal */
export function commonBytes(bytes: CommonBytes): Uint8Array {
  if (typeof bytes !== 'string') return bytes
  const out = new Uint8Array(bytes.length)
  for (let at = 0; at < out.length; at++) out[at] = bytes.charCodeAt(at)
  return out
}

/** @internal */
export function unpack(packed: Packed, bytes: Uint8Array): Uint8Array {
  return packed instanceof Uint8Array ? packed : bytes.subarray(packed[0], packed[1])
}
