/**
 * The messages of a server as bytes, and those of a client as data. Called by `Session`.
 *
 * Source: "Message Formats" of the PostgreSQL documentation.
 */
import type { ServerMessage } from "../../PgError.ts"
import * as PgTypes from "../../PgTypes.ts"
import { ByteWriter } from "../ByteWriter.ts"
import { makeParameter } from "../types/sqlPg.ts"
import { MessageReader } from "../wire/MessageReader.ts"

/** A message of a client: a letter, and the fields. */
export type ClientMessage =
  | { readonly _tag: "Parse"; readonly name: string; readonly sql: string; readonly types: ReadonlyArray<number> }
  | { readonly _tag: "Bind"; readonly statement: string; readonly values: ReadonlyArray<BoundValue> }
  | { readonly _tag: "Describe" | "Execute" | "Sync" | "CopyDone" | "Terminate" }
  | { readonly _tag: "Close"; readonly name: string }
  | { readonly _tag: "Query"; readonly sql: string }
  | { readonly _tag: "CopyData"; readonly bytes: Uint8Array }
  | { readonly _tag: "CopyFail"; readonly reason: string }

/** A parameter as it came: with its format, 1 for binary. */
export interface BoundValue {
  readonly format: number
  readonly bytes: Uint8Array | undefined
}

/** Takes the messages that are complete from the front; answers how many bytes that were. */
export const read = (bytes: Buffer, onMessage: (message: ClientMessage) => void): number => {
  let at = 0
  while (bytes.length - at >= 5) {
    const end = at + 1 + bytes.readInt32BE(at + 1)
    if (end > bytes.length) break
    onMessage(one(bytes, bytes.readUInt8(at), at + 5, end))
    at = end
  }
  return at
}

const one = (bytes: Buffer, letter: number, from: number, to: number): ClientMessage => {
  const reader = new MessageReader()
  reader.reset(bytes, from, to)
  switch (String.fromCharCode(letter)) {
    case "P": {
      const name = reader.cString()
      const sql = reader.cString()
      return { _tag: "Parse", name, sql, types: Array.from({ length: reader.uint16() }, () => reader.uint32()) }
    }
    case "B": {
      reader.cString()
      const statement = reader.cString()
      const formats = Array.from({ length: reader.uint16() }, () => reader.uint16())
      const values = Array.from({ length: reader.uint16() }, (_, index) => {
        const size = reader.int32()
        const format = formats[index] ?? 0
        return { format, bytes: size < 0 ? undefined : Uint8Array.from({ length: size }, () => reader.uint8()) }
      })
      return { _tag: "Bind", statement, values }
    }
    case "D":
      return { _tag: "Describe" }
    case "E":
      return { _tag: "Execute" }
    case "S":
      return { _tag: "Sync" }
    case "C":
      reader.uint8()
      return { _tag: "Close", name: reader.cString() }
    case "Q":
      return { _tag: "Query", sql: reader.cString() }
    case "d":
      return { _tag: "CopyData", bytes: Uint8Array.from(bytes.subarray(from, to)) }
    case "c":
      return { _tag: "CopyDone" }
    case "f":
      return { _tag: "CopyFail", reason: reader.cString() }
    default:
      return { _tag: "Terminate" }
  }
}

/** A column, as a RowDescription says it and its values are sent. */
export interface Column {
  readonly name: string
  readonly oid: number
}

/** The fields of an error or a notice, by their letters. */
const letters = {
  S: "severity",
  V: "severity",
  C: "code",
  M: "message",
  D: "detail",
  H: "hint",
  P: "position",
  p: "internalPosition",
  q: "internalQuery",
  W: "where",
  s: "schema",
  t: "table",
  c: "column",
  d: "dataType",
  n: "constraint",
  F: "file",
  L: "line",
  R: "routine"
} as const satisfies Readonly<Record<string, keyof ServerMessage>>

/** What a server sends, gathered. */
export class ServerMessages {
  readonly #writer = new ByteWriter()
  readonly #types: PgTypes.PgTypes

  constructor(types: PgTypes.PgTypes) {
    this.#types = types
  }

  /** What was gathered, which is forgotten. */
  take(): Uint8Array {
    const taken = Uint8Array.from(this.#writer.bytes.subarray(0, this.#writer.length))
    this.#writer.clear()
    return taken
  }

  /** One without fields, or of those that are given. */
  message(letter: string, write: (writer: ByteWriter) => void = () => {}): void {
    this.#writer.uint8(letter.charCodeAt(0))
    const start = this.#writer.beginLength()
    write(this.#writer)
    this.#writer.setInt32(start, this.#writer.length - start)
  }

  /** An ErrorResponse (`E`) or a NoticeResponse (`N`). */
  report(letter: "E" | "N", message: ServerMessage): void {
    this.message(letter, (writer) => {
      for (const [letter, name] of Object.entries(letters)) {
        const value = message[name]
        if (value === undefined) continue
        writer.uint8(letter.charCodeAt(0))
        writer.cString(String(value).replaceAll("\0", "\ufffd"))
      }
      writer.uint8(0)
    })
  }

  columns(columns: ReadonlyArray<Column>, format: 0 | 1): void {
    this.message("T", (writer) => {
      writer.int16(columns.length)
      for (const { name, oid } of columns) {
        writer.cString(name)
        writer.int32(0)
        writer.int16(0)
        writer.int32(oid)
        writer.int16(-1)
        writer.int32(-1)
        writer.int16(format)
      }
    })
  }

  row(columns: ReadonlyArray<Column>, values: ReadonlyArray<unknown>, format: 0 | 1): void {
    this.message("D", (writer) => {
      writer.int16(columns.length)
      columns.forEach(({ oid }, index) => {
        const value = plain(values[index])
        if (value === null || value === undefined) return writer.int32(-1)
        const start = writer.beginLength()
        if (format === 0) writer.utf8(asText(value))
        else this.#types.write(writer, makeParameter(oid, value), index)
        writer.endLength(start)
      })
    })
  }
}

/** The value in a parameter. */
export const plain = (value: unknown): unknown => (PgTypes.isParameter(value) ? value.value : value)

const asText = (value: unknown): string => {
  if (typeof value === "boolean") return value ? "t" : "f"
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`
  return typeof value === "object" ? JSON.stringify(value) : String(value)
}
