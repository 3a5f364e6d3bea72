import { PACKED_BYTES_MAX, type Packed } from '../protocol.js'

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

  /** The buffer, and what else the message may transfer; the packer is empty after. */
  take(): { bytes: Uint8Array; transfers: ArrayBuffer[] } {
    const bytes = this.#bytes.slice(0, this.#length)
    const transfers = [bytes.buffer, ...this.#transfers]
    this.#length = 0
    this.#transfers = []
    return { bytes, transfers }
  }
}

/** @internal */
export function unpack(packed: Packed, bytes: Uint8Array): Uint8Array {
  return packed instanceof Uint8Array ? packed : bytes.subarray(packed[0], packed[1])
}
