/**
 * The output buffer: messages to the server that were not written yet, and what of them was.
 *
 * A message that cannot be made throws a `PgError` (`InvalidInput`); who calls takes back what is there of it.
 */
import type { Parameter, PgTypes } from "../../PgTypes.ts"
import { ByteWriter } from "../ByteWriter.ts"
import { checkText, invalidInput, mostParameters } from "../input.ts"
import { messageOf } from "../failures.ts"

/** PostgreSQL takes no message that is larger: `MaxAllocSize`. */
export const largestMessage = 0x3fffffff

/** As much of a COPY as goes into one message. */
const copyPiece = 64 * 1024

export class Outbound {
  readonly writer = new ByteWriter(16 * 1024)
  readonly #types: PgTypes
  #sent = 0

  constructor(types: PgTypes) {
    this.#types = types
  }

  get unsent(): number {
    return this.writer.length - this.#sent
  }

  /** What is to be written. */
  rest(): Buffer {
    return this.writer.bytes.subarray(this.#sent, this.writer.length)
  }

  /** So many bytes of it were written. */
  sent(size: number): void {
    this.#sent += size
    const { writer } = this
    if (this.#sent === writer.length) {
      this.drop()
    } else if (this.#sent * 2 >= writer.length) {
      // Or else the buffer would grow for as long as there is always something unsent.
      writer.bytes.copyWithin(0, this.#sent, writer.length)
      writer.length -= this.#sent
      this.#sent = 0
    }
  }

  /** Forgets what was not written. */
  drop(): void {
    this.writer.clear()
    this.#sent = 0
  }

  parse(name: string, sql: string, parameters: ReadonlyArray<Parameter>): void {
    const { writer } = this
    const start = this.#begin(0x50)
    writer.cString(name)
    writer.cString(checkedSql(sql))
    writer.int16(parameters.length)
    for (const parameter of parameters) writer.int32(parameter.oid)
    this.#end(start)
  }

  /** Binds the unnamed portal. All columns of the result are to be binary. */
  bind(name: string, parameters: ReadonlyArray<Parameter>): void {
    const { writer } = this
    const count = parameters.length
    if (count > mostParameters) {
      throw invalidInput("query", `${count} parameters`, `are too many; a statement takes ${mostParameters} at most`)
    }
    const start = this.#begin(0x42)
    writer.uint8(0)
    writer.cString(name)
    writer.int16(count)
    for (const parameter of parameters) writer.int16(parameter.oid === 0 ? 0 : 1)
    writer.int16(count)
    let index = 0
    for (const parameter of parameters) this.#parameter(parameter, ++index)
    // One format for all columns: binary.
    writer.int16(1)
    writer.int16(1)
    this.#end(start)
  }

  describePortal(): void {
    this.#constant(describePortal)
  }

  execute(sync: boolean): void {
    this.#constant(sync ? executeAndSync : execute)
  }

  sync(): void {
    this.#constant(sync)
  }

  closeStatement(name: string): void {
    const start = this.#begin(0x43)
    this.writer.uint8(0x53)
    this.writer.cString(name)
    this.#end(start)
  }

  query(sql: string): void {
    const start = this.#begin(0x51)
    this.writer.cString(checkedSql(sql))
    this.#end(start)
  }

  /** In messages of a bounded size. */
  copyData(bytes: Uint8Array): void {
    const { writer } = this
    for (let at = 0; at < bytes.length; at += copyPiece) {
      const piece = bytes.length <= copyPiece ? bytes : bytes.subarray(at, at + copyPiece)
      writer.reserve(piece.length + 5)
      writer.uint8(0x64)
      writer.int32(piece.length + 4)
      writer.raw(piece)
    }
  }

  copyDone(): void {
    this.#constant(copyDone)
  }

  copyFail(reason: string): void {
    const start = this.#begin(0x66)
    this.writer.cString(reason.replaceAll("\0", "�"))
    this.#end(start)
  }

  #parameter(parameter: Parameter, place: number): void {
    const { writer } = this
    if (parameter.value === null || parameter.value === undefined) return writer.int32(-1)
    const start = writer.beginLength()
    try {
      this.#types.write(writer, parameter)
    } catch (thrown) {
      throw invalidInput("query", `parameter $${place}`, `cannot be sent: ${messageOf(thrown)}`)
    }
    writer.endLength(start)
  }

  #constant(message: Uint8Array): void {
    const { writer } = this
    const size = message.length
    writer.reserve(size)
    const { bytes, length } = writer
    for (let index = 0; index < size; index++) bytes[length + index] = message[index] ?? 0
    writer.length = length + size
  }

  #begin(type: number): number {
    this.writer.uint8(type)
    return this.writer.beginLength()
  }

  #end(start: number): void {
    const size = this.writer.length - start
    if (size > largestMessage) {
      throw invalidInput(
        "query",
        "a statement",
        `takes ${size} bytes with its parameters; PostgreSQL takes at most ${largestMessage}`
      )
    }
    this.writer.setInt32(start, size)
  }
}

const checkedSql = (sql: string): string => {
  checkText("query", "the SQL text", sql)
  if (!sql.isWellFormed())
    throw invalidInput("query", "the SQL text", "has a lone surrogate, which is not Unicode text")
  // Before memory is taken for it: of UTF-16 to UTF-8 it grows to three times as much at most.
  if (sql.length * 3 > largestMessage && Buffer.byteLength(sql) > largestMessage) {
    throw invalidInput(
      "query",
      "the SQL text",
      `has ${sql.length} characters; PostgreSQL takes at most ${largestMessage} bytes`
    )
  }
  return sql
}

const sync = Uint8Array.of(0x53, 0, 0, 0, 4)
const describePortal = Uint8Array.of(0x44, 0, 0, 0, 6, 0x50, 0)
/** The unnamed portal, all rows. */
const execute = Uint8Array.of(0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0)
const executeAndSync = Uint8Array.of(...execute, ...sync)
const copyDone = Uint8Array.of(0x63, 0, 0, 0, 4)
