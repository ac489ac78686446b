/**
 * Rows from the body of a DataRow, in place: no view per message or value.
 */
import { PgError } from "../../PgError.ts"
import type { Field, PgTypes, ReadValue } from "../../PgTypes.ts"
import type { RowShape } from "../Driver.ts"
import { violation } from "./MessageReader.ts"

/** Makes a row of the body that begins at `at`, which `checkRow` has found whole. Throws what a codec throws. */
export type ReadRow = (bytes: Buffer, at: number) => unknown

/** Reads all columns as binary, or those as text whose format is 0. */
export const rowReader = (
  types: PgTypes,
  fields: ReadonlyArray<Field>,
  formats: ReadonlyArray<number> | undefined,
  shape: RowShape
): ReadRow => {
  const read = valueReader(types, fields, formats)
  const names = fields.map((field) => field.name)
  return shape === "values"
    ? values(names.length, read)
    : names.includes("__proto__")
      ? definedObjects(names, read)
      : objects(names, read)
}

const valueReader = (
  types: PgTypes,
  fields: ReadonlyArray<Field>,
  formats: ReadonlyArray<number> | undefined
): ReadValue => {
  const binary = types.reader(fields)
  if (formats === undefined || !formats.includes(0)) return binary
  return (bytes, offset, size, column) => {
    if (formats[column] === 1) return binary(bytes, offset, size, column)
    return size < 0 ? null : Buffer.from(bytes.buffer, bytes.byteOffset + offset, size).toString()
  }
}

const values =
  (count: number, read: ReadValue): ReadRow =>
  (bytes, body) => {
    const row: Array<unknown> = []
    let at = body + 2
    for (let column = 0; column < count; column++) {
      const size = int32At(bytes, at)
      at += 4
      row.push(read(bytes, at, size, column))
      if (size > 0) at += size
    }
    return row
  }

const objects =
  (names: ReadonlyArray<string>, read: ReadValue): ReadRow =>
  (bytes, body) => {
    const row: Record<string, unknown> = {}
    let at = body + 2
    for (let column = 0; column < names.length; column++) {
      const size = int32At(bytes, at)
      at += 4
      row[names[column] ?? ""] = read(bytes, at, size, column)
      if (size > 0) at += size
    }
    return row
  }

/** Where a column is called `__proto__`, to assign it would change the prototype. */
const definedObjects = (names: ReadonlyArray<string>, read: ReadValue): ReadRow => {
  const readValues = objects(
    names.map((_, column) => String(column)),
    read
  )
  return (bytes, body) => {
    const row = {}
    for (const [column, value] of Object.entries(readValues(bytes, body) ?? {})) {
      Object.defineProperty(row, names[Number(column)] ?? "", {
        value,
        enumerable: true,
        writable: true,
        configurable: true
      })
    }
    return row
  }
}

/** Whether the body from `at` to `limit` has so many values, each within it. */
export const checkRow = (bytes: Buffer, body: number, limit: number, columns: number): void => {
  if (body + 2 > limit) throw violation("a row that ends too early")
  const count = ((bytes[body] ?? 0) << 8) | (bytes[body + 1] ?? 0)
  if (count !== columns) throw violation(`a row of ${count} values, where ${columns} columns were described`)
  let at = body + 2
  for (let column = 0; column < count; column++) {
    if (at + 4 > limit) throw violation("a row that ends too early")
    const size = int32At(bytes, at)
    at += 4
    if (size > 0) at += size
    else if (size < -1) throw violation(`a value of ${size} bytes`)
  }
  if (at !== limit) throw violation(`a row of ${limit - body} bytes, whose values take ${at - body}`)
}

/** Which column of a row cannot be read, after reading it has thrown `thrown`. */
export const unreadable = (
  types: PgTypes,
  fields: ReadonlyArray<Field>,
  formats: ReadonlyArray<number> | undefined,
  bytes: Buffer,
  body: number,
  thrown: unknown
): PgError => {
  let at = body + 2
  for (const [column, field] of fields.entries()) {
    const size = int32At(bytes, at)
    at += 4
    try {
      valueReader(types, fields, formats)(bytes, at, size, column)
    } catch (cause) {
      return unreadableValue(field.name, `${messageOf(cause)} (the type has the OID ${field.typeOid})`)
    }
    if (size > 0) at += size
  }
  return unreadableValue(fields[0]?.name ?? "", messageOf(thrown))
}

const unreadableValue = (column: string, problem: string): PgError =>
  new PgError({ operation: "query", reason: { _tag: "UnreadableValue", column, problem } })

export const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

export const int32At = (bytes: Buffer, at: number): number =>
  ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
