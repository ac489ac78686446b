/**
 * Reads the fields of one message of the server, from its front to its back, and never beyond it.
 *
 * For all messages but rows, which are many and are read in place (`rows`). What does not fit the message is a
 * `ProtocolViolation`.
 */
import type { ServerMessage } from "../../PgError.ts"
import type { Field } from "../../PgTypes.ts"
import { violation } from "../failures.ts"
import { serverMessage } from "../serverMessage.ts"
import type { Columns } from "./rows.ts"
import { readTag } from "../commandTag.ts"
import type { CopyStart, Notification } from "../Driver.ts"

export class MessageReader {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #limit = 0

  /** The next message: its body is in `bytes` from `at` to `limit`. */
  reset(bytes: Buffer, at: number, limit: number): void {
    this.#bytes = bytes
    this.#at = at
    this.#limit = limit
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#take(1))
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2))
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#take(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4))
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4))
  }

  cString(): string {
    const at = this.#at
    const end = this.#bytes.indexOf(0, at)
    if (end < 0 || end >= this.#limit) throw violation("a text without an end")
    this.#at = end + 1
    return this.#bytes.toString("utf8", at, end)
  }

  /** The message has to end here. */
  end(): void {
    if (this.#at !== this.#limit) throw violation(`a message with ${this.#limit - this.#at} bytes too many`)
  }

  #take(size: number): number {
    const at = this.#at
    if (at + size > this.#limit) throw violation("a message that ends too early")
    this.#at = at + size
    return at
  }
}

/** The columns of a RowDescription. The formats are as we asked for them, and so the same for all. */
export const readColumns = (reader: MessageReader): Columns => {
  const count = reader.uint16()
  const fields: Array<Field> = []
  let binary = true
  for (let index = 0; index < count; index++) {
    const name = reader.cString()
    const tableOid = reader.uint32()
    const columnNumber = reader.int16()
    const typeOid = reader.uint32()
    reader.int16()
    const typeModifier = reader.int32()
    const format = reader.int16()
    if ((format !== 0 && format !== 1) || (index > 0 && binary !== (format === 1))) {
      throw violation(`column "${name}" has the format ${format}`)
    }
    binary = format === 1
    fields.push({ name, typeOid, typeModifier, tableOid, columnNumber })
  }
  reader.end()
  return { fields, binary }
}

export const readCopyStart = (reader: MessageReader, direction: "in" | "out"): CopyStart => {
  const format = reader.uint8()
  if (format !== 0 && format !== 1) throw violation(`a COPY has the format ${format}`)
  const columnFormats: Array<number> = []
  for (let count = reader.uint16(); count > 0; count--) columnFormats.push(reader.int16())
  reader.end()
  return { direction, format, columnFormats }
}

export const readNotification = (reader: MessageReader): Notification => {
  const processId = reader.int32()
  const channel = reader.cString()
  const payload = reader.cString()
  reader.end()
  return { channel, payload, processId }
}

/** The letter of the transaction's state in ReadyForQuery: `I`, `T` or `E`. */
export const readStatus = (reader: MessageReader): number => {
  const status = reader.uint8()
  reader.end()
  if (status !== 0x49 && status !== 0x54 && status !== 0x45) throw violation(`a transaction in the state ${status}`)
  return status
}

/** An ErrorResponse or NoticeResponse. Fields that are not known are left out, as the protocol asks. */
export const readServerMessage = (reader: MessageReader): ServerMessage => {
  const texts = new Map<string, string>()
  for (let code = reader.uint8(); code !== 0; code = reader.uint8()) {
    texts.set(String.fromCharCode(code), reader.cString())
  }
  reader.end()
  return serverMessage((letter) => texts.get(letter))
}

export const readCommand = (reader: MessageReader): ReturnType<typeof readTag> => {
  const tag = reader.cString()
  reader.end()
  return readTag(tag)
}
