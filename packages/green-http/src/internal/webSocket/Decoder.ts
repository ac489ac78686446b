/**
 * Frames as a server sends them (RFC 6455, 5.2): bytes in, whole messages and control frames out, one when it is asked for.
 *
 * Nothing is read ahead of who asks, and nothing is kept that is longer than it may be.
 */
import { isUtf8 } from "node:buffer"
import type { HttpErrorReason } from "../../HttpError.ts"
import { Opcode } from "./frames.ts"

export type Event =
  | { readonly _tag: "Message"; readonly message: string | Uint8Array; readonly size: number }
  | { readonly _tag: "Ping"; readonly payload: Uint8Array }
  | { readonly _tag: "Close"; readonly code: number | undefined; readonly reason: string }
  /** Nothing can be read any more. `code` is what the peer is told. */
  | { readonly _tag: "Violation"; readonly code: number; readonly why: HttpErrorReason }

export class Decoder {
  readonly #limit: number
  #chunk: Uint8Array = nothing
  #at = 0
  /** The header of a frame: two bytes, and a longer length behind them. */
  readonly #header = Buffer.alloc(10)
  #headerRead = 0
  #headerSize = 2
  /** How much of the payload is to come; `undefined` in a header. */
  #left: number | undefined
  readonly #control = new Payload()
  readonly #data = new Payload()
  /** What the message is of which a part has come. */
  #kind: Opcode | undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  push(chunk: Uint8Array): void {
    const isEmpty = this.#at === this.#chunk.byteLength
    this.#chunk = isEmpty ? chunk : Buffer.concat([this.#chunk.subarray(this.#at), chunk])
    this.#at = 0
  }

  /** The next one; `undefined` if more bytes are needed. */
  next(): Event | undefined {
    for (;;) {
      if (this.#left === undefined) {
        const problem = this.#readHeader()
        if (problem === "short") return undefined
        if (problem !== undefined) return problem
      }
      const opcode = this.#opcode
      const event = opcode < Opcode.close ? this.#readData(opcode) : this.#readControl(opcode)
      if (event === "short") return undefined
      if (event !== undefined) return event
    }
  }

  get #opcode(): number {
    return (this.#header[0] ?? 0) & 0x0f
  }

  get #isFinal(): boolean {
    return ((this.#header[0] ?? 0) & 0x80) !== 0
  }

  #readHeader(): "short" | Event | undefined {
    while (this.#headerRead < this.#headerSize) {
      if (this.#at === this.#chunk.byteLength) return "short"
      this.#header[this.#headerRead++] = this.#chunk[this.#at++] ?? 0
      if (this.#headerRead !== 2) continue
      const problem = this.#problem()
      if (problem !== undefined) return violation(problem)
      const length = (this.#header[1] ?? 0) & 0x7f
      this.#headerSize = length < 126 ? 2 : length === 126 ? 4 : 10
    }
    const [, second = 0] = this.#header
    const length =
      this.#headerSize === 2
        ? second & 0x7f
        : this.#headerSize === 4
          ? this.#header.readUInt16BE(2)
          : Number(this.#header.readBigUInt64BE(2))
    if (this.#opcode < Opcode.close && length + this.#data.size > this.#limit) {
      return { _tag: "Violation", code: 1009, why: { _tag: "MessageTooLarge", limit: this.#limit } }
    }
    this.#headerRead = 0
    this.#headerSize = 2
    this.#left = length
    return undefined
  }

  /** Why a frame may not begin so. */
  #problem(): string | undefined {
    const [first = 0, second = 0] = this.#header
    const opcode = first & 0x0f
    if ((first & 0x70) !== 0) return "a reserved bit of a frame is set, and no extension was agreed on"
    if ((second & 0x80) !== 0) return "a frame of the server is masked"
    if (opcode >= Opcode.close) {
      if (opcode > Opcode.pong) return `a frame has the opcode ${opcode}, which nobody knows`
      if (!this.#isFinal) return "a control frame is fragmented"
      return (second & 0x7f) > 125 ? "a control frame is longer than 125 bytes" : undefined
    }
    if (opcode > Opcode.binary) return `a frame has the opcode ${opcode}, which nobody knows`
    if (opcode === Opcode.continuation) {
      return this.#kind === undefined ? "a frame continues a message, and there is none" : undefined
    }
    return this.#kind === undefined ? undefined : "a message begins within another one"
  }

  #readData(opcode: number): "short" | Event | undefined {
    if (opcode !== Opcode.continuation) this.#kind = opcode === Opcode.text ? Opcode.text : Opcode.binary
    // Most messages are there at once, in one frame: those are not copied.
    const whole = this.#isFinal && this.#data.size === 0 ? this.#slice() : undefined
    if (whole === undefined && !this.#fill(this.#data)) return "short"
    this.#left = undefined
    if (!this.#isFinal) return undefined
    const payload = whole ?? this.#data.take()
    const isText = this.#kind === Opcode.text
    this.#kind = undefined
    const size = payload.byteLength
    if (!isText) return { _tag: "Message", message: own(payload), size }
    return isUtf8(payload) ? { _tag: "Message", message: text(payload), size } : notUtf8
  }

  #readControl(opcode: number): "short" | Event | undefined {
    if (!this.#fill(this.#control)) return "short"
    this.#left = undefined
    const payload = this.#control.take()
    if (opcode === Opcode.pong) return undefined
    if (opcode === Opcode.ping) return { _tag: "Ping", payload }
    if (payload.byteLength === 0) return { _tag: "Close", code: undefined, reason: "" }
    const code = payload.byteLength === 1 ? 0 : (payload[0] ?? 0) * 256 + (payload[1] ?? 0)
    if (!isCloseCode(code)) return violation("a close frame has no valid code")
    const reason = payload.subarray(2)
    return isUtf8(reason) ? { _tag: "Close", code, reason: text(reason) } : notUtf8
  }

  /** The rest of the payload, if it is all there. */
  #slice(): Uint8Array | undefined {
    const end = this.#at + (this.#left ?? 0)
    if (end > this.#chunk.byteLength) return undefined
    const payload = this.#chunk.subarray(this.#at, end)
    this.#at = end
    return payload
  }

  /** Whether all of the payload is there. */
  #fill(payload: Payload): boolean {
    const left = this.#left ?? 0
    const taken = Math.min(left, this.#chunk.byteLength - this.#at)
    payload.append(this.#chunk.subarray(this.#at, this.#at + taken))
    this.#at += taken
    this.#left = left - taken
    return taken === left
  }
}

/** What comes in pieces: it grows as they come, not as it is announced. */
class Payload {
  #bytes: Uint8Array = nothing
  size = 0

  append(piece: Uint8Array): void {
    const size = this.size + piece.byteLength
    if (size > this.#bytes.byteLength) {
      const bytes = new Uint8Array(Math.max(size, this.#bytes.byteLength * 2))
      bytes.set(this.#bytes.subarray(0, this.size))
      this.#bytes = bytes
    }
    this.#bytes.set(piece, this.size)
    this.size = size
  }

  take(): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.size)
    this.#bytes = nothing
    this.size = 0
    return bytes
  }
}

const nothing = new Uint8Array()

const violation = (problem: string): Event => ({
  _tag: "Violation",
  code: 1002,
  why: { _tag: "Protocol", code: "WEBSOCKET_FRAME", problem }
})

const notUtf8: Event = {
  _tag: "Violation",
  code: 1007,
  why: { _tag: "Protocol", code: "WEBSOCKET_UTF8", problem: "a text is not UTF-8" }
}

const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")

/** Bytes that do not keep much more than themselves. */
const own = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength * 2 < bytes.buffer.byteLength
    ? Uint8Array.from(bytes)
    : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Those that may be on the wire: assigned ones, and those of libraries and applications (RFC 6455, 7.4). */
const isCloseCode = (code: number): boolean =>
  (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999)
