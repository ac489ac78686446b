/**
 * Builds rows from the bodies of DataRow messages: a count of 16 bits, then each value behind a length of 32 bits.
 *
 * A result of a few rows is read by a loop. For one of many rows, or a statement that runs often, a function is made
 * for its columns: V8 then knows the shape of the row and the reader of each column, which is nearly twice as fast.
 * Where code must not be generated, the loop remains.
 */
import type { Field, PgTypes } from "../../PgTypes.ts"
import { CodecError } from "./sqlPg.ts"
import { readInt16, readInt32 } from "./TypeCodec.ts"

/** A row by the names of its columns: of two with one name, the last. */
export type RowObject = Record<string, unknown>

/** Reads the row at `offset`, which ends before `end`. Throws `CodecError`, with the name of the column. */
export type ReadRow<Row> = (bytes: Uint8Array, offset: number, end: number) => Row

type Reader = (bytes: Uint8Array, offset: number, size: number) => unknown

/** To make a function costs as much as reading some hundred values. */
const rowsOfLoop = 50

/** A function for more columns would be long, and compiled late. */
const maximumColumns = 200

const wrongLength = (): never => {
  throw new CodecError({ message: "a row has another length or number of columns than was announced" })
}

const checkCount = (bytes: Uint8Array, offset: number, count: number): void => {
  if (readInt16(bytes, offset) !== count) wrongLength()
}

const loopValues =
  (readers: ReadonlyArray<Reader>): ReadRow<Array<unknown>> =>
  (bytes, offset, end) => {
    checkCount(bytes, offset, readers.length)
    const row: Array<unknown> = new Array(readers.length)
    let position = offset + 2
    let column = 0
    for (const read of readers) {
      const size = readInt32(bytes, position)
      position += 4
      row[column++] = size < 0 ? null : read(bytes, position, size)
      if (size > 0) position += size
    }
    return position === end ? row : wrongLength()
  }

const loopObjects = (readers: ReadonlyArray<Reader>, names: ReadonlyArray<string>): ReadRow<RowObject> => {
  const readValues = loopValues(readers)
  if (names.includes("__proto__")) {
    // not by assignment, which would set the prototype
    return (bytes, offset, end) => {
      const values = readValues(bytes, offset, end)
      return Object.fromEntries(names.map((name, column) => [name, values[column]]))
    }
  }
  return (bytes, offset, end) => {
    const values = readValues(bytes, offset, end)
    const row: RowObject = {}
    let column = 0
    for (const name of names) row[name] = values[column++]
    return row
  }
}

/** The names are in it as string literals, and nothing else that is not ours. */
const code = (count: number, row: string): string => {
  const columns = Array.from({ length: count }, (_, column) => column)
  return `const [${columns.map((column) => `r${column}`).join()}] = readers
return (b, o, e) => {
if (((b[o] << 8) | b[o + 1]) !== ${count}) wrongLength()
let p = o + 2, s
${columns
  .map(
    (column) => `s = (b[p] << 24) | (b[p + 1] << 16) | (b[p + 2] << 8) | b[p + 3]
p += 4
let v${column} = null
if (s >= 0) { v${column} = r${column}(b, p, s); p += s }`
  )
  .join("\n")}
return p === e ? ${row} : wrongLength()
}`
}

const valuesCode = (count: number): string => `[${Array.from({ length: count }, (_, column) => `v${column}`).join()}]`

/** A computed name is slower, and the only one that does not set the prototype. */
const keyCode = (name: string): string => (name === "__proto__" ? `["__proto__"]` : JSON.stringify(name))

const objectCode = (names: ReadonlyArray<string>): string =>
  `({${names.map((name, column) => `${keyCode(name)}: v${column}`).join()}})`

const compile = <Row>(readers: ReadonlyArray<Reader>, row: string, loop: ReadRow<Row>): ReadRow<Row> => {
  if (readers.length === 0 || readers.length > maximumColumns) return loop
  try {
    return new Function("readers", "wrongLength", code(readers.length, row))(readers, wrongLength)
  } catch {
    return loop
  }
}

/** Reads with the loop, and then with the function; what fails is read again, to tell the column. */
const staged = <Row>(readers: ReadonlyArray<Reader>, row: string, loop: ReadRow<Row>, explain: ReadRow<void>) => {
  let rows = 0
  let read = loop
  return (bytes: Uint8Array, offset: number, end: number): Row => {
    if (rows < rowsOfLoop && ++rows === rowsOfLoop) read = compile(readers, row, loop)
    try {
      return read(bytes, offset, end)
    } catch (error) {
      explain(bytes, offset, end)
      throw error
    }
  }
}

const prepare = (types: PgTypes, fields: ReadonlyArray<Field>) => {
  const readValue = types.reader(fields)
  const explain: ReadRow<void> = (bytes, offset, end) => {
    let position = offset + 2
    for (let column = 0; column < fields.length && position + 4 <= end; column++) {
      const size = readInt32(bytes, position)
      position += 4
      if (position + size > end) wrongLength()
      readValue(bytes, position, size, column)
      if (size > 0) position += size
    }
  }
  return { readers: fields.map(({ typeOid }) => types.columnReader(typeOid)), explain }
}

/** The reader of rows as arrays of values. Keep it with the statement: it gets faster. */
export const values = (types: PgTypes, fields: ReadonlyArray<Field>): ReadRow<Array<unknown>> => {
  const { readers, explain } = prepare(types, fields)
  return staged(readers, valuesCode(fields.length), loopValues(readers), explain)
}

/** The reader of rows as objects. A column named `__proto__` is a column like others. Keep it with the statement. */
export const objects = (types: PgTypes, fields: ReadonlyArray<Field>): ReadRow<RowObject> => {
  const { readers, explain } = prepare(types, fields)
  const names = fields.map(({ name }) => name)
  return staged(readers, objectCode(names), loopObjects(readers, names), explain)
}
