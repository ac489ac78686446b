/**
 * A growing buffer that is written from front to back: parameters, messages. Integers are big-endian, as in the protocol.
 *
 * It is the sink that the codecs write to. The bytes are in memory that never moves until it grows, so that C can be
 * given their address.
 */
import type { ValueSink } from "@effect/sql-pg/PgProtocol"

const utf8 = new TextEncoder()

export class ByteWriter implements ValueSink {
  /** What is written is in it from 0 to `length`. Replaced when it grows. */
  bytes: Buffer
  length = 0

  constructor(capacity = 4096) {
    // Not of Node's pool, and too large for V8's own heap: its address stays.
    this.bytes = Buffer.allocUnsafeSlow(Math.max(capacity, 1024))
  }

  /** Makes room for so many bytes more. */
  reserve(size: number): void {
    const needed = this.length + size
    if (needed <= this.bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
    this.bytes.copy(grown, 0, 0, this.length)
    this.bytes = grown
  }

  readonly uint8 = (value: number): void => {
    this.reserve(1)
    this.bytes[this.length++] = value
  }

  readonly int16 = (value: number): void => {
    this.reserve(2)
    const { bytes, length } = this
    bytes[length] = value >>> 8
    bytes[length + 1] = value
    this.length = length + 2
  }

  readonly int32 = (value: number): void => {
    this.reserve(4)
    this.setInt32(this.length, value)
    this.length += 4
  }

  readonly float32 = (value: number): void => {
    this.reserve(4)
    this.length = this.bytes.writeFloatBE(value, this.length)
  }

  readonly float64 = (value: number): void => {
    this.reserve(8)
    this.length = this.bytes.writeDoubleBE(value, this.length)
  }

  readonly bigInt64 = (value: bigint): void => {
    this.reserve(8)
    this.length = this.bytes.writeBigInt64BE(value, this.length)
  }

  readonly raw = (value: Uint8Array): void => {
    this.reserve(value.length)
    this.bytes.set(value, this.length)
    this.length += value.length
  }

  readonly utf8 = (value: string): void => {
    const { length } = value
    this.reserve(length * 3)
    const { bytes } = this
    let at = this.length
    // Short texts are mostly ASCII, for which the encoder's call costs more than the loop.
    if (length < 48) {
      let index = 0
      for (; index < length; index++) {
        const code = value.charCodeAt(index)
        if (code > 0x7f) break
        bytes[at++] = code
      }
      if (index === length) {
        this.length = at
        return
      }
      at = this.length
    }
    this.length = at + utf8.encodeInto(value, bytes.subarray(at)).written
  }

  /** A text of the protocol, ended by a NUL. Who calls has seen to it that there is none in it. */
  readonly cString = (value: string): void => {
    this.utf8(value)
    this.uint8(0)
  }

  readonly sqlNull = (): void => {
    throw new TypeError("a NULL is framed by the caller, not written as a value")
  }

  readonly beginLength = (): number => {
    const token = this.length
    this.int32(0)
    return token
  }

  readonly endLength = (token: number): void => {
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
