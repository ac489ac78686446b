/**
 * Frames as a client sends them (RFC 6455, 5.2): masked, one for each message.
 */
import { randomFillSync } from "node:crypto"

export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export type Opcode = (typeof Opcode)[keyof typeof Opcode]

/** The whole frame. The payload is copied. */
export const frame = (opcode: Opcode, payload: string | Uint8Array): Buffer => {
  const length = typeof payload === "string" ? Buffer.byteLength(payload) : payload.byteLength
  const header = length < 126 ? 6 : length < 65_536 ? 8 : 14
  // The payload starts at a multiple of four, to be masked by words.
  const padding = -header & 3
  const start = padding + header
  const bytes = Buffer.allocUnsafe(start + length)
  bytes[padding] = 0x80 | opcode
  if (header === 6) bytes[padding + 1] = 0x80 | length
  else if (header === 8) {
    bytes[padding + 1] = 0x80 | 126
    bytes.writeUInt16BE(length, padding + 2)
  } else {
    bytes[padding + 1] = 0x80 | 127
    bytes.writeBigUInt64BE(BigInt(length), padding + 2)
  }
  if (typeof payload === "string") bytes.write(payload, start, "utf8")
  else bytes.set(payload, start)
  mask(bytes, start)
  return padding === 0 ? bytes : bytes.subarray(padding)
}

/** With a code, and a reason behind it; without one it is empty. */
export const closeFrame = (code: number | undefined, reason = ""): Buffer => {
  if (code === undefined) return frame(Opcode.close, "")
  const payload = Buffer.allocUnsafe(2 + Buffer.byteLength(reason))
  payload.writeUInt16BE(code, 0)
  payload.write(reason, 2, "utf8")
  return frame(Opcode.close, payload)
}

/** Masks what is there from `start` on with a new key, which is written before it. */
const mask = (bytes: Buffer, start: number): void => {
  if (drawn === keys.byteLength) {
    randomFillSync(keys)
    drawn = 0
  }
  bytes.set(keys.subarray(drawn, drawn + 4), start - 4)
  drawn += 4
  const words = (bytes.byteOffset + start) % 4 === 0 ? Math.floor((bytes.byteLength - start) / 4) : 0
  if (words > 0) {
    const [key = 0] = new Uint32Array(bytes.buffer.slice(bytes.byteOffset + start - 4, bytes.byteOffset + start))
    const view = new Uint32Array(bytes.buffer, bytes.byteOffset + start, words)
    for (let index = 0; index < words; index++) view[index] = (view[index] ?? 0) ^ key
  }
  for (let index = start + words * 4; index < bytes.byteLength; index++) {
    bytes[index] = (bytes[index] ?? 0) ^ (bytes[start - 4 + ((index - start) & 3)] ?? 0)
  }
}

/** Keys are drawn many at a time. */
const keys = new Uint8Array(8192)
let drawn = keys.byteLength
