/**
 * The type of a plain value: as `@effect/sql-pg` infers it, with nested arrays, ranges and arrays of mixed numbers.
 *
 * A string has no type of its own (OID 0): the server gives it the one that the statement asks for. An object has none
 * at all: it may be JSON, a composite, an interval, and a wrong guess would be stored.
 */
import * as PgRange from "../../PgRange.ts"
import { Elements, flatten } from "./arrays.ts"
import { rangeText } from "./ranges.ts"
import { isParameter, makeParameter, OID, type Parameter } from "./sqlPg.ts"
import { describe, fail } from "./TypeCodec.ts"

/** The OIDs of the range types that plain bounds tell. */
const int4range = 3904
const int8range = 3926
const tstzrange = 3910

const isInt4 = (value: number): boolean => Number.isInteger(value) && value >= -2147483648 && value <= 2147483647

const cannotInfer = (value: unknown): never =>
  fail(
    `cannot infer a PostgreSQL type for ${describe(value)}: wrap it, as in PgTypes.jsonb(value) for JSON, ` +
      `PgTypes.interval(value), or types.typed("name", value) for any type by its name`
  )

const rangeOid = (range: PgRange.PgRange<unknown>): number => {
  const kinds = [range.lower, range.upper]
    .filter((bound) => bound !== null)
    .map((bound) => {
      if (typeof bound === "bigint") return int8range
      if (typeof bound === "number") return isInt4(bound) ? int4range : Number.isSafeInteger(bound) ? int8range : 0
      return bound instanceof Date ? tstzrange : 0
    })
  const [lower = 0, upper = lower] = kinds
  return lower === upper ? lower : widest(lower, upper)
}

/** The type of integers that holds both, or 0. */
const widest = (a: number, b: number): number => {
  if ((a === int4range || a === int8range) && (b === int4range || b === int8range)) return int8range
  return (a === OID.int4 || a === OID.int8) && (b === OID.int4 || b === OID.int8) ? OID.int8 : 0
}

/** The type of a plain value that is no array; 0 when the server has to find it. */
const oidOf = (value: unknown): number => {
  switch (typeof value) {
    case "boolean":
      return OID.bool
    case "bigint":
      return OID.int8
    case "number":
      return isInt4(value) ? OID.int4 : Number.isSafeInteger(value) ? OID.int8 : OID.float8
    case "string":
      return 0
  }
  if (value instanceof Date) return OID.timestamptz
  if (value instanceof Uint8Array || value instanceof Int8Array) return OID.bytea
  return PgRange.isPgRange(value) ? rangeOid(value) : cannotInfer(value)
}

const rangeParameter = (range: PgRange.PgRange<unknown>): Parameter => {
  const oid = rangeOid(range)
  if (oid !== 0) return makeParameter(oid, range)
  const text = rangeText(range)
  return text === undefined
    ? fail("cannot infer the type of a range from its bounds: wrap it, as in PgTypes.tsrange(range)")
    : makeParameter(0, text)
}

const bytesOf = (value: unknown): unknown =>
  value instanceof Int8Array ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : value

/** The type of an element, which a string has in an array. */
const elementOid = (value: unknown): number => {
  const oid = oidOf(value)
  if (oid !== 0) return oid
  if (typeof value === "string") return OID.text
  return fail("cannot infer the type of an array of ranges of text: wrap each, as in PgTypes.daterange(range)")
}

/** A range without bounds fits any type of ranges, as NULL fits any type. */
const fitsAny = (value: unknown): boolean =>
  value === null || value === undefined || (PgRange.isPgRange(value) && value.lower === null && value.upper === null)

/** The type that all elements have, where plain numbers widen: `undefined` when nothing tells it. */
const commonOid = (values: ReadonlyArray<unknown>): number | undefined => {
  let common: number | undefined
  let wrapped: number | undefined
  let bigints = false
  for (const value of values) {
    if (fitsAny(value)) continue
    const isWrapped = isParameter(value)
    if (isWrapped && value.value === null && value.oid === 0) continue
    const oid = isWrapped ? (value.oid === 0 ? OID.text : value.oid) : elementOid(value)
    if (isWrapped) wrapped = oid
    bigints ||= typeof value === "bigint"
    if (common === undefined || common === oid) common = oid
    else common = join(common, oid)
    if ((common === OID.float8 && bigints) || (wrapped !== undefined && common !== wrapped)) return mixed(values)
  }
  return common === 0 ? mixed(values) : common
}

const join = (a: number, b: number): number =>
  (a === OID.float8 && (b === OID.int4 || b === OID.int8)) || (b === OID.float8 && (a === OID.int4 || a === OID.int8))
    ? OID.float8
    : widest(a, b)

const mixed = (values: ReadonlyArray<unknown>): never => {
  const kinds = new Set(values.filter((value) => !fitsAny(value)).map((value) => describe(value)))
  return fail(
    `cannot infer one type for the elements of the array, among them ${[...kinds].slice(0, 3).join(" and ")}: ` +
      "give all of them the same type, or wrap the array in a type"
  )
}

const arrayParameter = (
  value: ReadonlyArray<unknown>,
  arrayOf: (elementOid: number) => number | undefined
): Parameter => {
  const { dimensions, values } = flatten(value)
  if (values.length === 0) return makeParameter(0, "{}")
  const element = commonOid(values)
  if (element === undefined) {
    if (values.every((value) => value === null || value === undefined)) return makeParameter(0, nulls(dimensions))
    return fail("cannot infer the type of an array of ranges without bounds: wrap each, as in PgTypes.int4range(range)")
  }
  const oid = arrayOf(element)
  if (oid === undefined) return fail(`no type of arrays is known for the type with the OID ${element}`)
  return makeParameter(
    oid,
    new Elements(
      dimensions,
      values.map((value) => (isParameter(value) ? value.value : bytesOf(value)))
    )
  )
}

/** An array of NULLs alone, of which the server has to find the type. */
const nulls = (dimensions: ReadonlyArray<number>): string =>
  dimensions.reduceRight((inner, length) => `{${Array.from({ length }, () => inner).join(",")}}`, "NULL")

/** The parameter of a value. Parameters stay what they are. */
export const infer = (value: unknown, arrayOf: (elementOid: number) => number | undefined): Parameter => {
  if (value === null || value === undefined) return makeParameter(0, null)
  if (typeof value === "object") {
    if (isParameter(value)) return value.value === undefined ? makeParameter(value.oid, null) : value
    if (Array.isArray(value)) return arrayParameter(value, arrayOf)
    if (PgRange.isPgRange(value)) return rangeParameter(value)
    return makeParameter(oidOf(value), bytesOf(value))
  }
  const oid = oidOf(value)
  return makeParameter(oid, oid === OID.int8 && typeof value === "number" ? BigInt(value) : value)
}
