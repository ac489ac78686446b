/**
 * What a `PGresult` says, as JavaScript: its columns, rows, error and command tag. Whoever holds the result clears it.
 */
import type { Handle, LibpqFunctions } from "../../Libpq.ts"
import { PgError, type ServerMessage } from "../../PgError.ts"
import type { Field, PgTypes, ReadValue } from "../../PgTypes.ts"
import type { Completion, RowShape } from "../Driver.ts"

/** Two pages at most, each with a value in it: so that much from the first value to the last can be read. */
const span = 4096

const noFields: ReadonlyArray<Field> = []

export class Results {
  readonly #libpq: LibpqFunctions
  readonly #types: PgTypes
  #bytes = Buffer.allocUnsafeSlow(16 * 1024)
  #addresses = new Float64Array(64)
  #sizes = new Int32Array(64)

  constructor(libpq: LibpqFunctions, types: PgTypes) {
    this.#libpq = libpq
    this.#types = types
  }

  fields(result: Handle): ReadonlyArray<Field> {
    const libpq = this.#libpq
    const count = libpq.PQnfields(result)
    if (count === 0) return noFields
    const fields: Array<Field> = []
    for (let column = 0; column < count; column++) {
      fields.push({
        name: libpq.PQfname(result, column),
        typeOid: libpq.PQftype(result, column),
        typeModifier: libpq.PQfmod(result, column),
        tableOid: libpq.PQftable(result, column),
        columnNumber: libpq.PQftablecol(result, column)
      })
    }
    return fields
  }

  /** The rows, or the error of the first value that cannot be read. */
  rows(result: Handle, fields: ReadonlyArray<Field>, shape: RowShape): Array<unknown> | PgError {
    const libpq = this.#libpq
    const count = libpq.PQntuples(result)
    const width = fields.length
    const rows: Array<unknown> = []
    if (count === 0) return rows
    const read = libpq.PQbinaryTuples(result) === 1 || width === 0 ? this.#types.reader(fields) : readText
    const names = fields.map((field) => field.name)
    if (width > this.#sizes.length) {
      this.#sizes = new Int32Array(width)
      this.#addresses = new Float64Array(width)
    }
    for (let row = 0; row < count; row++) {
      const offset = this.#copy(result, row, width)
      const built = shape === "objects" ? this.#object(read, names, offset) : this.#values(read, width, offset, names)
      if (built instanceof PgError) return built
      rows.push(built)
    }
    return rows
  }

  completion(result: Handle, fields: ReadonlyArray<Field>): Completion {
    const tag = this.#libpq.PQcmdStatus(result)
    // "INSERT 0 3", "SELECT 2", "CREATE TABLE": the count is the last word, if it is a number.
    const words = tag.split(" ")
    const last = Number(words.at(-1))
    if (words.length < 2 || !Number.isInteger(last)) return { command: tag, rowCount: 0, fields }
    const command = words[0] === "INSERT" ? "INSERT" : words.slice(0, -1).join(" ")
    return { command, rowCount: last, fields }
  }

  /** What the server said; without a SQLSTATE it is the library that speaks. */
  message(result: Handle): ServerMessage {
    const text = (field: string): string | undefined =>
      this.#libpq.PQresultErrorField(result, field.charCodeAt(0)) ?? undefined
    const number = (field: string): number | undefined => {
      const value = text(field)
      return value === undefined ? undefined : Number(value)
    }
    return serverMessage({
      severity: text("V") ?? text("S"),
      code: text("C"),
      message: text("M") ?? this.#libpq.PQresultErrorMessage(result).trim(),
      detail: text("D"),
      hint: text("H"),
      position: number("P"),
      internalPosition: number("p"),
      internalQuery: text("q"),
      where: text("W"),
      schema: text("s"),
      table: text("t"),
      column: text("c"),
      dataType: text("d"),
      constraint: text("n"),
      file: text("F"),
      line: number("L"),
      routine: text("R")
    })
  }

  /** Copies the values of a row into `#bytes`; the first of them is at the offset minus the addresses' … */
  #copy(result: Handle, row: number, width: number): number {
    const libpq = this.#libpq
    const addresses = this.#addresses
    const sizes = this.#sizes
    let low = Number.MAX_SAFE_INTEGER
    let high = 0
    for (let column = 0; column < width; column++) {
      const size = libpq.PQgetlength(result, row, column)
      if (size === 0) {
        sizes[column] = libpq.PQgetisnull(result, row, column) === 1 ? -1 : 0
        addresses[column] = -1
        continue
      }
      const address = libpq.PQgetvalue(result, row, column)
      sizes[column] = size
      addresses[column] = address
      if (address < low) low = address
      if (address + size > high) high = address + size
    }
    if (high === 0) return 0
    if (high - low <= span) {
      libpq.copyMemory(this.#bytes, low, high - low)
      return low
    }
    this.#copyEach(width)
    return 0
  }

  /** One after the other, for a row with large values. */
  #copyEach(width: number): void {
    const addresses = this.#addresses
    const sizes = this.#sizes
    let total = 0
    for (let column = 0; column < width; column++) total += Math.max(sizes[column] ?? 0, 0)
    if (total > this.#bytes.length) this.#bytes = Buffer.allocUnsafeSlow(Math.max(total, this.#bytes.length * 2))
    let at = 0
    for (let column = 0; column < width; column++) {
      const size = sizes[column] ?? 0
      if (size <= 0) continue
      this.#libpq.copyMemory(this.#bytes.subarray(at, at + size), addresses[column] ?? 0, size)
      addresses[column] = at
      at += size
    }
  }

  #object(read: ReadValue, names: ReadonlyArray<string>, offset: number): object | PgError {
    const row: Record<string, unknown> = {}
    let column = 0
    try {
      for (; column < names.length; column++) {
        row[names[column] ?? ""] = read(
          this.#bytes,
          (this.#addresses[column] ?? 0) - offset,
          this.#sizes[column] ?? -1,
          column
        )
      }
    } catch (thrown) {
      return unreadable(names[column], thrown)
    }
    return row
  }

  #values(read: ReadValue, width: number, offset: number, names: ReadonlyArray<string>): Array<unknown> | PgError {
    const row: Array<unknown> = []
    let column = 0
    try {
      for (; column < width; column++) {
        row.push(read(this.#bytes, (this.#addresses[column] ?? 0) - offset, this.#sizes[column] ?? -1, column))
      }
    } catch (thrown) {
      return unreadable(names[column], thrown)
    }
    return row
  }
}

/** The error of a value that its codec cannot read. */
export const unreadable = (column: string | undefined, thrown: unknown): PgError =>
  new PgError({
    operation: "query",
    reason: {
      _tag: "UnreadableValue",
      column: column ?? "?",
      problem: thrown instanceof Error ? thrown.message : String(thrown)
    }
  })

const readText: ReadValue = (bytes, offset, size) =>
  size < 0 ? null : Buffer.from(bytes.buffer, bytes.byteOffset + offset, size).toString("utf8")

type Fields = { readonly [Name in keyof ServerMessage]-?: ServerMessage[Name] | undefined }

/** A message without the fields that the server did not send. */
export const serverMessage = ({ code, message, severity, ...rest }: Fields): ServerMessage => ({
  severity: severity ?? "ERROR",
  code: code ?? "",
  message: message ?? "",
  ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
})
