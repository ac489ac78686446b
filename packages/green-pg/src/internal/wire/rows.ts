/**
 * Rows from the body of a DataRow, in place: no view per message or value.
 *
 * The reading itself is that of `RowReader`; here is which one, whether a body can be given to it, and what is said when a
 * value cannot be read.
 */
import { PgError } from "../../PgError.ts"
import type { Field, PgTypes, ReadValue } from "../../PgTypes.ts"
import type { RowShape } from "../Driver.ts"
import { objects, type ReadRow, values } from "../types/RowReader.ts"
import { readText } from "../types/text.ts"
import { readInt32, readUint16 } from "../types/TypeCodec.ts"
import { messageOf, unreadableValue, violation } from "../failures.ts"
import type { Inbound } from "./Inbound.ts"
import { DataRow } from "./Message.ts"
import type { Pending } from "./Pending.ts"

/** The columns of a result, and whether their values come as binary: all of them, or none. */
export interface Columns {
  readonly fields: ReadonlyArray<Field>
  readonly binary: boolean
}

/** The readers that are in use: one for each set of columns and shape, for as long as the columns are kept. */
export class RowReaders {
  readonly #types: PgTypes
  #revision: number
  #objects: Known = new WeakMap()
  #values: Known = new WeakMap()

  constructor(types: PgTypes) {
    this.#types = types
    this.#revision = types.revision()
  }

  of(columns: Columns, shape: RowShape): ReadRow<unknown> {
    const revision = this.#types.revision()
    if (revision !== this.#revision) {
      this.#revision = revision
      this.#objects = new WeakMap()
      this.#values = new WeakMap()
    }
    const known = shape === "objects" ? this.#objects : this.#values
    let reader = known.get(columns.fields)
    if (reader === undefined) {
      const types = typesOf(this.#types, columns)
      reader = shape === "objects" ? objects(types, columns.fields) : values(types, columns.fields)
      known.set(columns.fields, reader)
    }
    return reader
  }

  /** Which column of a row cannot be read, after reading the row has thrown. */
  unreadable(columns: Columns, bytes: Uint8Array, body: number, thrown: unknown): PgError {
    const types = typesOf(this.#types, columns)
    let at = body + 2
    for (const { name, typeOid } of columns.fields) {
      const size = readInt32(bytes, at)
      at += 4
      try {
        if (size >= 0) types.columnReader(typeOid)(bytes, at, size)
      } catch (cause) {
        return unreadableValue(name, `${messageOf(cause)} (the OID of its type is ${typeOid})`)
      }
      if (size > 0) at += size
    }
    return unreadableValue(columns.fields[0]?.name ?? "", thrown)
  }
}

type Known = WeakMap<ReadonlyArray<Field>, ReadRow<unknown>>

const typesOf = (types: PgTypes, { binary }: Columns): PgTypes =>
  binary ? types : { ...types, reader: () => readTextOrNull, columnReader: () => readText }

const readTextOrNull: ReadValue = (bytes, offset, size) => (size < 0 ? null : readText(bytes, offset, size))

/** Whether the body from `at` to `limit` has so many values, each within it. */
const checkRow = (bytes: Uint8Array, body: number, limit: number, columns: number): void => {
  if (body + 2 > limit) throw violation("a row that ends too early")
  const count = readUint16(bytes, body)
  if (count !== columns) throw violation(`a row of ${count} values, where ${columns} columns were described`)
  let at = body + 2
  for (let column = 0; column < count; column++) {
    if (at + 4 > limit) throw violation("a row that ends too early")
    const size = readInt32(bytes, at)
    at += 4
    if (size > 0) at += size
    else if (size < -1) throw violation(`a value of ${size} bytes`)
  }
  if (at !== limit) throw violation(`a row of ${limit - body} bytes, whose values take ${at - body}`)
}

/**
 * Takes rows from the front of the buffer, where one is: as many as are complete and belong into one chunk. Answers the
 * error of a value that cannot be read; its row is taken. Of a request that has failed they are taken unread.
 */
export const takeRows = (
  input: Inbound,
  pending: Pending,
  columns: Columns,
  readers: RowReaders
): PgError | undefined => {
  const { bytes, end } = input
  const { rows } = pending
  const count = columns.fields.length
  const most = pending.chunk === 0 ? Number.POSITIVE_INFINITY : pending.chunk
  let at = input.start
  let next = at
  try {
    const read = (pending.readRow ??= readers.of(columns, pending.shape))
    do {
      at = next
      next = at + 1 + readInt32(bytes, at + 1)
      checkRow(bytes, at + 5, next, count)
      if (!pending.failed) rows.push(read(bytes, at + 5, next))
    } while (rows.length < most && isWholeRow(bytes, next, end))
    input.start = next
    return undefined
  } catch (thrown) {
    if (thrown instanceof PgError && thrown.reason._tag === "ProtocolViolation") throw thrown
    input.start = next
    return readers.unreadable(columns, bytes, at + 5, thrown)
  }
}

const isWholeRow = (bytes: Uint8Array, at: number, end: number): boolean => {
  if (end - at < 5 || bytes[at] !== DataRow) return false
  const length = readInt32(bytes, at + 1)
  return length >= 4 && length < end - at
}
