/**
 * The values of PostgreSQL's types.
 *
 * @since 0.1.0
 */
import * as Base from "@effect/sql-pg/PgTypes"
import type { ValueSink } from "@effect/sql-pg/PgProtocol"
import * as Result from "effect/Result"

/** @since 0.1.0 */
export interface Field {
  readonly name: string
  readonly typeOid: number
  readonly typeModifier: number
  readonly tableOid: number
  readonly columnNumber: number
}

/** @since 0.1.0 */
export type ReadValue = (bytes: Uint8Array, offset: number, size: number, column: number) => unknown

/** @since 0.1.0 */
export type Parameter = Base.Parameter

/** @since 0.1.0 */
export interface PgTypes {
  readonly reader: (fields: ReadonlyArray<Field>) => ReadValue
  readonly parameter: (value: unknown) => Parameter
  readonly write: (sink: ValueSink, parameter: Parameter) => void
}

/** @since 0.1.0 */
export const make = (): PgTypes => ({
  reader: (fields) =>
    Result.getOrThrow(Base.makeFieldReader(fields.map((field) => ({ dataTypeOid: field.typeOid, format: 1 })))),
  parameter: (value) => {
    if (Base.isParameter(value)) return value
    if (value === null || value === undefined) return { ...Base.text(null), oid: 0 }
    switch (typeof value) {
      case "boolean":
        return Base.bool(value)
      case "bigint":
        return Base.int8(value)
      case "number":
        return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? Base.int4(value) : Base.float8(value)
      default:
        return { ...Base.text(String(value)), oid: 0 }
    }
  },
  write: (sink, parameter) => {
    Result.getOrThrow(Base.writeParameter(sink, parameter))
  }
})
