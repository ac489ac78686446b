/**
 * What a `PGresult` says, as JavaScript: its columns, rows, error and command tag. Whoever holds the result clears it.
 */
import type { Handle, LibpqFunctions } from "../../Libpq.ts"
import type { PgError, ServerMessage } from "../../PgError.ts"
import type { Field, PgTypes } from "../../PgTypes.ts"
import { readTag } from "../commandTag.ts"
import { unreadableValue } from "../failures.ts"
import { serverMessage } from "../serverMessage.ts"
import type { Completion, RowShape } from "../Driver.ts"
import { readText } from "../types/text.ts"

/** Two pages at most, each with a value in it: so that much from the first value to the last can be read. */
const span = 4096

const noFields: ReadonlyArray<Field> = []

export class Results {
  readonly #libpq: LibpqFunctions
  readonly #types: PgTypes
  #bytes = Buffer.allocUnsafeSlow(16 * 1024)
  #addresses = new Float64Array(64)
  #sizes = new Int32Array(64)
  #known:
    | { readonly fields: ReadonlyArray<Field>; readonly revision: number; readonly readers: ReadonlyArray<Reader> }
    | undefined

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
    const rows: Array<unknown> = []
    if (count === 0) return rows
    const width = fields.length
    const readers =
      libpq.PQbinaryTuples(result) === 1 || width === 0 ? this.#readers(fields) : fields.map(() => readText)
    const build = shape === "objects" ? objectBuilder(fields) : itself
    if (width > this.#sizes.length) {
      this.#sizes = new Int32Array(width)
      this.#addresses = new Float64Array(width)
    }
    let column = 0
    try {
      for (let row = 0; row < count; row++) {
        const values: Array<unknown> = new Array(width)
        const low = this.#copy(result, row, readers, values)
        for (column = 0; column < width; column++) {
          const size = this.#sizes[column] ?? -1
          const read = readers[column]
          if (size >= 0 && read !== undefined)
            values[column] = read(this.#bytes, size === 0 ? 0 : (this.#addresses[column] ?? 0) - low, size)
        }
        rows.push(build(values))
      }
    } catch (thrown) {
      return unreadableValue(fields[column]?.name ?? "", thrown)
    }
    return rows
  }

  /** The readers of the columns; kept while the columns and the types are the same. */
  #readers(fields: ReadonlyArray<Field>): ReadonlyArray<Reader> {
    const revision = this.#types.revision()
    if (this.#known?.fields !== fields || this.#known.revision !== revision) {
      this.#known = { fields, revision, readers: fields.map(({ typeOid }) => this.#types.columnReader(typeOid)) }
    }
    return this.#known.readers
  }

  completion(result: Handle, fields: ReadonlyArray<Field>): Completion {
    const { command, rowCount } = readTag(this.#libpq.PQcmdStatus(result))
    return { command, rowCount, fields }
  }

  /** What the server said; `undefined` when it is the library that speaks. */
  message(result: Handle): ServerMessage | undefined {
    const field = (letter: string): string | null => this.#libpq.PQresultErrorField(result, letter.charCodeAt(0))
    return field("C") === null ? undefined : serverMessage(field)
  }

  /**
   * Copies the values of a row into `#bytes`, where they are at their addresses less the answer. Texts are put into
   * `values` at once, which takes one call and not two; a size of -1 says that there is nothing to read any more.
   */
  #copy(result: Handle, row: number, readers: ReadonlyArray<Reader>, values: Array<unknown>): number {
    const libpq = this.#libpq
    const addresses = this.#addresses
    const sizes = this.#sizes
    const width = readers.length
    let low = Number.MAX_SAFE_INTEGER
    let high = 0
    for (let column = 0; column < width; column++) {
      if (readers[column] === readText) {
        const text = libpq.getText(result, row, column)
        values[column] = text === "" && libpq.PQgetisnull(result, row, column) === 1 ? null : text
        sizes[column] = -1
        continue
      }
      const size = libpq.PQgetlength(result, row, column)
      if (size === 0) {
        const isNull = libpq.PQgetisnull(result, row, column) === 1
        if (isNull) values[column] = null
        sizes[column] = isNull ? -1 : 0
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
}

type Reader = (bytes: Uint8Array, offset: number, size: number) => unknown

const itself = (values: Array<unknown>): unknown => values

const objectBuilder = (fields: ReadonlyArray<Field>): ((values: Array<unknown>) => unknown) => {
  const names = fields.map((field) => field.name)
  if (names.includes("__proto__")) {
    // Not by assignment, which would set the prototype.
    return (values) => Object.fromEntries(names.map((name, column) => [name, values[column]]))
  }
  return (values) => {
    const row: Record<string, unknown> = {}
    for (let column = 0; column < names.length; column++) row[names[column] ?? ""] = values[column]
    return row
  }
}
