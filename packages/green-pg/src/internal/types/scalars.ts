/**
 * The types that most columns have, read and written without a detour: the values are those of `@effect/sql-pg`.
 *
 * What is rare about a type (an infinite timestamp) is left to its codec.
 */
import { OID, sqlPgCodec, type ValueSink } from "./sqlPg.ts"
import {
  expected,
  fail,
  readFloat32,
  readFloat64,
  readInt16,
  readInt32,
  readInt64,
  readUint32,
  requireSize,
  requireString,
  type TypeCodec
} from "./TypeCodec.ts"

export const bool: TypeCodec = {
  read: (bytes, offset, size) => {
    requireSize(size, 1, "bool")
    return bytes[offset] !== 0
  },
  write: (sink, value) =>
    sink.uint8((typeof value === "boolean" ? value : expected("a boolean", "bool", value)) ? 1 : 0)
}

const integer = (value: unknown, type: string, minimum: number, maximum: number): number => {
  const number = typeof value === "bigint" ? Number(value) : value
  if (typeof number !== "number" || !Number.isInteger(number)) return expected("an integer", type, value)
  return number < minimum || number > maximum
    ? fail(`${String(value)} is out of range for ${type}: ${minimum} to ${maximum}`)
    : number
}

export const int2: TypeCodec = {
  read: (bytes, offset, size) => {
    requireSize(size, 2, "int2")
    return readInt16(bytes, offset)
  },
  write: (sink, value) => sink.int16(integer(value, "int2", -32768, 32767))
}

export const int4: TypeCodec = {
  read: (bytes, offset, size) => {
    requireSize(size, 4, "int4")
    return readInt32(bytes, offset)
  },
  write: (sink, value) => sink.int32(integer(value, "int4", -2147483648, 2147483647))
}

/** Integers without a sign, of 32 bits: `oid`, and what refers to a row of the catalog. */
export const uint4 = (type: string): TypeCodec => ({
  read: (bytes, offset, size) => {
    requireSize(size, 4, type)
    return readUint32(bytes, offset)
  },
  write: (sink, value) => sink.int32(integer(value, type, 0, 4294967295) | 0)
})

const bigInteger = (value: unknown, type: string, minimum: bigint, maximum: bigint): bigint => {
  const big = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value
  if (typeof big !== "bigint") return expected("a bigint or a safe integer", type, value)
  return big < minimum || big > maximum ? fail(`${big} is out of range for ${type}: ${minimum} to ${maximum}`) : big
}

export const int8: TypeCodec = {
  read: (bytes, offset, size) => {
    requireSize(size, 8, "int8")
    return readInt64(bytes, offset)
  },
  write: (sink, value) => sink.bigInt64(bigInteger(value, "int8", -9223372036854775808n, 9223372036854775807n))
}

/** Integers without a sign, of 64 bits: `xid8`. */
export const uint8 = (type: string): TypeCodec => ({
  read: (bytes, offset, size) => {
    requireSize(size, 8, type)
    return BigInt.asUintN(64, readInt64(bytes, offset))
  },
  write: (sink, value) => sink.bigInt64(BigInt.asIntN(64, bigInteger(value, type, 0n, 18446744073709551615n)))
})

const number = (value: unknown, type: string): number =>
  typeof value === "number" ? value : expected("a number", type, value)

export const float4: TypeCodec = {
  read: (bytes, offset, size) => {
    requireSize(size, 4, "float4")
    return readFloat32(bytes, offset)
  },
  write: (sink, value) => {
    const wide = number(value, "float4")
    if (Number.isFinite(wide) && !Number.isFinite(Math.fround(wide))) fail(`${wide} is out of range for float4`)
    sink.float32(wide)
  }
}

export const float8: TypeCodec = {
  read: (bytes, offset, size) => {
    requireSize(size, 8, "float8")
    return readFloat64(bytes, offset)
  },
  write: (sink, value) => sink.float64(number(value, "float8"))
}

/** What is read is a copy: the bytes that it came in are used again. */
export const bytea: TypeCodec = {
  read: (bytes, offset, size) => {
    const copy = new Uint8Array(size)
    copy.set(bytes.subarray(offset, offset + size))
    return copy
  },
  write: (sink, value) => sink.raw(value instanceof Uint8Array ? value : expected("a Uint8Array", "bytea", value))
}

/** Milliseconds from 1970 to 2000, from where PostgreSQL counts microseconds. */
const epoch = 946684800000

/** The upper half of microseconds that a number holds exactly: 285 years in either direction. */
const exactHigh = 0x200000

const exactMilliseconds = 9007199254740

/** The last one that a `Date` has. */
const lastMillisecond = 8640000000000000

const writeTimestamp = (rare: TypeCodec, type: string) => (sink: ValueSink, value: unknown) => {
  const milliseconds = value instanceof Date ? value.getTime() : value
  if (typeof milliseconds !== "number") return expected("a Date or milliseconds", type, value)
  if (Number.isNaN(milliseconds)) {
    return fail(
      `${type} cannot hold ${value instanceof Date ? "an invalid Date" : "NaN"}: for infinity, send PgTypes.${type}(Infinity)`
    )
  }
  if (!Number.isInteger(milliseconds) || Math.abs(milliseconds) > lastMillisecond) return rare.write(sink, value)
  const since = milliseconds - epoch
  if (since <= -exactMilliseconds || since >= exactMilliseconds) return sink.bigInt64(BigInt(since) * 1000n)
  const microseconds = since * 1000
  const high = Math.floor(microseconds / 4294967296)
  sink.int32(high)
  return sink.int32((microseconds - high * 4294967296) | 0)
}

const timestampOf = (oid: number, type: string): TypeCodec => {
  const rare = sqlPgCodec(oid)
  return {
    read: (bytes, offset, size) => {
      requireSize(size, 8, type)
      const high = readInt32(bytes, offset)
      if (high < -exactHigh || high >= exactHigh) return rare.read(bytes, offset, size)
      const microseconds = high * 4294967296 + readUint32(bytes, offset + 4)
      return new Date((microseconds - (microseconds % 1000)) / 1000 + epoch)
    },
    write: writeTimestamp(rare, type)
  }
}

export const timestamp = timestampOf(OID.timestamp, "timestamp")
export const timestamptz = timestampOf(OID.timestamptz, "timestamptz")

/** The longest integer part that PostgreSQL holds: a longer one would be sent as another number. */
const integerDigits = 131072

const decimal = /^[+-]?(\d*)(?:\.\d*)?(?:[eE]([+-]?\d+))?$/

const checkDigits = (text: string): void => {
  const [, digits = "", exponent = "0"] = decimal.exec(text) ?? []
  if (digits.replace(/^0+/, "").length + Number(exponent) > integerDigits) {
    fail(`a numeric has at most ${integerDigits} digits before the decimal point`)
  }
}

const exactNumeric = sqlPgCodec(OID.numeric)

/** Takes numbers and bigints also, in their shortest decimal form. */
export const numeric: TypeCodec = {
  read: exactNumeric.read,
  write: (sink, value) => {
    const text =
      typeof value === "number" || typeof value === "bigint" ? String(value) : requireString(value, "numeric")
    if (text.length > integerDigits || text.includes("e") || text.includes("E")) checkDigits(text)
    exactNumeric.write(sink, text)
  }
}
