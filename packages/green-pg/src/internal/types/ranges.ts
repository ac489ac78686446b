/** Ranges and multiranges of any type, as `PgRange` and arrays of it. */
import * as PgRange from "../../PgRange.ts"
import type { ValueSink } from "./sqlPg.ts"
import { expected, fail, type Lookup, readInt32, readSize, type TypeCodec, writeSized } from "./TypeCodec.ts"

const isEmpty = 0x01
const lowerInclusive = 0x02
const upperInclusive = 0x04
const lowerInfinite = 0x08
const upperInfinite = 0x10

const readRange = (bytes: Uint8Array, start: number, size: number, bound: TypeCodec): PgRange.PgRange<unknown> => {
  const end = start + size
  const flags = bytes[start] ?? 0
  let offset = start + 1
  const readBound = (): unknown => {
    const size = readSize(bytes, offset, end, "the range")
    if (size === -1) return fail("the range has a bound that is NULL")
    offset += 4 + size
    return bound.read(bytes, offset - size, size)
  }
  if (size === 0) return fail("the range has no bytes")
  const hasBounds = (flags & isEmpty) === 0
  const lower = hasBounds && (flags & lowerInfinite) === 0 ? readBound() : null
  const upper = hasBounds && (flags & upperInfinite) === 0 ? readBound() : null
  if (offset !== end) return fail("the range has bytes behind its end")
  if (!hasBounds) return PgRange.empty
  const opening = (flags & lowerInclusive) === 0 ? "(" : "["
  return PgRange.make(lower, upper, `${opening}${(flags & upperInclusive) === 0 ? ")" : "]"}`)
}

const writeRange = (sink: ValueSink, value: unknown, bound: TypeCodec): void => {
  if (!PgRange.isPgRange(value)) return expected("a PgRange", "a range type", value)
  if (value.empty) return sink.uint8(isEmpty)
  sink.uint8(
    (value.lower === null ? lowerInfinite : value.lowerInclusive ? lowerInclusive : 0) |
      (value.upper === null ? upperInfinite : value.upperInclusive ? upperInclusive : 0)
  )
  if (value.lower !== null) writeSized(sink, bound, value.lower)
  if (value.upper !== null) writeSized(sink, bound, value.upper)
}

/** The type of ranges over `subtypeOid`. */
export const rangeCodec = (subtypeOid: number, lookup: Lookup): TypeCodec => ({
  read: (bytes, offset, size) => readRange(bytes, offset, size, lookup(subtypeOid)),
  write: (sink, value) => writeRange(sink, value, lookup(subtypeOid))
})

/** The type of multiranges of `rangeOid`. */
export const multirangeCodec = (rangeOid: number, lookup: Lookup): TypeCodec => ({
  arrayValued: true,
  read: (bytes, start, size) => {
    const end = start + size
    const count = size < 4 ? -1 : readInt32(bytes, start)
    if (count < 0 || count * 4 > size) return fail("the multirange has no valid head")
    const range = lookup(rangeOid)
    const values: Array<unknown> = new Array(count)
    let offset = start + 4
    for (let index = 0; index < count; index++) {
      const size = readSize(bytes, offset, end, "the multirange")
      if (size === -1) return fail("the multirange has a range that is NULL")
      values[index] = range.read(bytes, offset + 4, size)
      offset += 4 + size
    }
    return offset === end ? values : fail("the multirange has bytes behind its end")
  },
  write: (sink, value) => {
    if (!Array.isArray(value)) return expected("an array of PgRange", "a multirange type", value)
    const range = lookup(rangeOid)
    sink.int32(value.length)
    for (const element of value) {
      if (!PgRange.isPgRange(element)) return expected("an array of PgRange", "a multirange type", element)
      writeSized(sink, range, element)
    }
  }
})

// As text, for ranges whose type the server has to find.

const textOf = (bound: unknown): string | undefined => {
  if (typeof bound === "string") return `"${bound.replace(/["\\]/g, "\\$&")}"`
  return typeof bound === "number" || typeof bound === "bigint" ? String(bound) : undefined
}

/** A range as PostgreSQL writes it, or `undefined` when a bound is no text and no number. */
export const rangeText = (range: PgRange.PgRange<unknown>): string | undefined => {
  if (range.empty) return "empty"
  const lower = range.lower === null ? "" : textOf(range.lower)
  const upper = range.upper === null ? "" : textOf(range.upper)
  return lower === undefined || upper === undefined
    ? undefined
    : `${range.lowerInclusive ? "[" : "("}${lower},${upper}${range.upperInclusive ? "]" : ")"}`
}
