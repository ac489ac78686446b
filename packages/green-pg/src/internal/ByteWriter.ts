/**
 * A growing buffer that is written from front to back: parameters, messages. Integers are big-endian, as in the protocol.
 *
 * It is the sink that the codecs write to. The bytes are in memory that never moves until it grows, so that C can be
 * given their address.
 */
import type { ValueSink } from "./types/sqlPg.ts"

const encoder = new TextEncoder()

/** So much memory is kept for what comes next. */
const mostKept = 1024 * 1024

/** Up to so many characters the loop is cheaper than a call to the encoder. */
const fewCharacters = 48
/** Up to so many bytes the loop is cheaper than a copy. */
const fewBytes = 8

export class ByteWriter implements ValueSink {
  /** What is written is in it from 0 to `length`. Replaced when it grows. */
  bytes: Buffer
  length = 0
  readonly #capacity: number

  constructor(capacity = 4096) {
    this.#capacity = Math.max(capacity, 1024)
    // Not of Node's pool, and too large for V8's own heap: its address stays.
    this.bytes = Buffer.allocUnsafeSlow(this.#capacity)
  }

  /** Forgets what is written; memory for something that was large is let go. */
  clear(): void {
    this.length = 0
    if (this.bytes.length > mostKept) this.bytes = Buffer.allocUnsafeSlow(this.#capacity)
  }

  /** Makes room for so many bytes more. */
  reserve(size: number): void {
    const needed = this.length + size
    if (needed > this.bytes.length) this.#grow(needed)
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
    this.bytes.copy(grown, 0, 0, this.length)
    this.bytes = grown
  }

  uint8(value: number): void {
    this.reserve(1)
    this.bytes[this.length++] = value
  }

  int16(value: number): void {
    this.reserve(2)
    const { bytes, length } = this
    bytes[length] = value >>> 8
    bytes[length + 1] = value
    this.length = length + 2
  }

  int32(value: number): void {
    this.reserve(4)
    this.setInt32(this.length, value)
    this.length += 4
  }

  float32(value: number): void {
    this.reserve(4)
    this.length = this.bytes.writeFloatBE(value, this.length)
  }

  float64(value: number): void {
    this.reserve(8)
    this.length = this.bytes.writeDoubleBE(value, this.length)
  }

  bigInt64(value: bigint): void {
    this.reserve(8)
    this.length = this.bytes.writeBigInt64BE(value, this.length)
  }

  raw(value: Uint8Array): void {
    const size = value.length
    this.reserve(size)
    const { bytes, length } = this
    if (size <= fewBytes) {
      for (let index = 0; index < size; index++) bytes[length + index] = value[index] ?? 0
    } else {
      bytes.set(value, length)
    }
    this.length = length + size
  }

  utf8(value: string): void {
    const { length } = value
    if (length <= fewCharacters) {
      this.reserve(length)
      const { bytes } = this
      let at = this.length
      for (let index = 0; index < length; index++) {
        const code = value.charCodeAt(index)
        if (code > 0x7f) return this.#encode(value)
        bytes[at++] = code
      }
      this.length = at
      return
    }
    this.#encode(value)
  }

  #encode(value: string): void {
    this.reserve(value.length * 3)
    this.length += encoder.encodeInto(value, this.bytes.subarray(this.length)).written
  }

  /** A text of the protocol, ended by a NUL. Who calls has seen to it that there is none in it. */
  cString(value: string): void {
    this.utf8(value)
    this.uint8(0)
  }

  sqlNull(): void {
    throw new TypeError("a NULL is framed by the caller, not written as a value")
  }

  beginLength(): number {
    const token = this.length
    this.int32(0)
    return token
  }

  endLength(token: number): void {
    this.setInt32(token, this.length - token - 4)
  }

  setInt32(at: number, value: number): void {
    const { bytes } = this
    bytes[at] = value >>> 24
    bytes[at + 1] = value >>> 16
    bytes[at + 2] = value >>> 8
    bytes[at + 3] = value
  }
}
