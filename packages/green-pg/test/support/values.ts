/** Values of PostgreSQL's types, drawn at random, and what becomes of them on the way to the server and back. */
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { PgRange, PgTypes } from "green-pg"
import * as ByteSink from "./ByteSink.ts"

export const types = PgTypes.make()

/** The bytes of a parameter. */
export const write = (parameter: PgTypes.Parameter, registry: PgTypes.PgTypes = types): Uint8Array<ArrayBuffer> => {
  const sink = ByteSink.make()
  registry.write(sink, parameter)
  return sink.bytes()
}

/** What is read from bytes that lie among others. */
export const read = (oid: number, bytes: Uint8Array, registry: PgTypes.PgTypes = types): unknown => {
  const buffer = new Uint8Array(bytes.length + 7).fill(0xa5)
  buffer.set(bytes, 3)
  return registry.columnReader(oid)(buffer, 3, bytes.length)
}

/** To the server and back, as a type. */
export const roundTrip = (name: string, value: unknown, registry: PgTypes.PgTypes = types): unknown => {
  const parameter = registry.typed(name, value)
  return read(parameter.oid, write(parameter, registry), registry)
}

/** One of the values, or of what else is drawn: one in three is of the values. */
const orOneOf = <A>(arbitrary: Arbitrary.Arbitrary<A>, values: ReadonlyArray<A>): Arbitrary.Arbitrary<A> =>
  Arbitrary.map(Arbitrary.all([arbitrary, integer(0, values.length * 3)]), ([value, index]) => values[index] ?? value)

/** Never -0, which no integer type has. */
export const integer = (minimum: number, maximum: number): Arbitrary.Arbitrary<number> =>
  Arbitrary.map(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum }))), (value) => value + 0)

const bigint = (minimum: bigint, maximum: bigint): Arbitrary.Arbitrary<bigint> =>
  Arbitrary.schema(Schema.BigInt.check(Schema.isBetweenBigInt({ minimum, maximum })))

const edges = (minimum: number, maximum: number) => orOneOf(integer(minimum, maximum), [minimum, maximum, 0])

const bigEdges = (minimum: bigint, maximum: bigint) => orOneOf(bigint(minimum, maximum), [minimum, maximum, 0n])

/** Text that PostgreSQL can hold. */
export const text: Arbitrary.Arbitrary<string> = orOneOf(
  Arbitrary.map(Arbitrary.schema(Schema.String), (text) => text.toWellFormed().replaceAll("\0", "")),
  [
    "",
    "ascii of more than ten",
    "\ufeffmark",

    "\ufffd is a character",
    "häß 🎉 e\u0301",
    "x".repeat(5000),
    '"\\{},'
  ]
)

const bytes = Arbitrary.map(Arbitrary.array(integer(0, 255), { maxLength: 40 }), (bytes) => Uint8Array.from(bytes))

/** The server makes room for as many as the number at the head says, which could be a gigabyte: here at most 255. */
const counted = Arbitrary.map(bytes, (bytes) => bytes.fill(0, 0, 3))

const float = orOneOf(Arbitrary.schema(Schema.Number), [NaN, Infinity, -Infinity, -0, 5e-324, Number.MAX_VALUE, 0.1])

const numeric = orOneOf(
  Arbitrary.map(Arbitrary.all([bigint(-(10n ** 40n), 10n ** 40n), integer(0, 60)]), ([units, scale]) => {
    const digits = String(units < 0n ? -units : units).padStart(scale + 1, "0")
    const point = digits.length - scale
    return `${units < 0n ? "-" : ""}${digits.slice(0, point)}${scale === 0 ? "" : `.${digits.slice(point)}`}`
  }),
  ["NaN", "Infinity", "-Infinity", "0", "0.000", "9".repeat(500), `0.${"0".repeat(400)}1`]
)

const time = (minimum: number, maximum: number) => Arbitrary.map(integer(minimum, maximum), (time) => new Date(time))

const instant = orOneOf(time(-8640000000000000, 8640000000000000), [
  new Date(-210866803200000),
  new Date(946684799999),
  new Date(946684800000),
  new Date(-1),
  new Date(8640000000000000)
])

const day = orOneOf(
  Arbitrary.map(integer(-60000, 60000), (days) => new Date(days * 86400000).toISOString().slice(0, 10)),
  ["infinity", "-infinity", "2024-02-29", "5874897-12-31"]
)

const hex = (length: number) =>
  Arbitrary.map(Arbitrary.array(integer(0, 255), { minLength: length, maxLength: length }), (bytes) =>
    bytes.map((byte) => byte.toString(16).padStart(2, "0"))
  )

const uuid = Arbitrary.map(hex(16), (hex) =>
  [hex.slice(0, 4), hex.slice(4, 6), hex.slice(6, 8), hex.slice(8, 10), hex.slice(10)]
    .map((part) => part.join(""))
    .join("-")
)

const bit = Arbitrary.map(Arbitrary.array(integer(0, 1), { maxLength: 40 }), (bits) => bits.join(""))

const json = orOneOf<unknown>(
  Arbitrary.map(Arbitrary.all([text, Arbitrary.schema(Schema.Finite), integer(0, 4)]), ([text, number, kind]) => {
    const finite = number === 0 ? 0 : number
    return [text, finite, [text, [finite, null]], { [`a${text}`]: { b: [finite] } }, true][kind]
  }),
  ["\0 in JSON", [], {}, [[]], false]
)

const point = Arbitrary.map(Arbitrary.all([float, float]), ([x, y]): PgTypes.Point => ({ x, y }))
const points = Arbitrary.array(point, { maxLength: 5 })

const interval = Arbitrary.map(
  Arbitrary.all([
    edges(-2147483648, 2147483647),
    edges(-2147483648, 2147483647),
    bigEdges(-9223372036854775808n, 9223372036854775807n)
  ]),
  ([months, days, microseconds]): PgTypes.Interval => ({ months, days, microseconds })
)

/** A bound that is there, or not. */
const bounds = ["[]", "[)", "(]", "()"] as const

export const range = <A>(bound: Arbitrary.Arbitrary<A>): Arbitrary.Arbitrary<PgRange.PgRange<A>> =>
  Arbitrary.map(Arbitrary.all([bound, bound, integer(0, 3), integer(0, 8)]), ([lower, upper, inclusive, kind]) => {
    if (kind === 0) return PgRange.empty
    return PgRange.make(kind % 3 === 1 ? null : lower, kind % 4 === 2 ? null : upper, bounds[inclusive] ?? "[)")
  })

const int2 = edges(-32768, 32767)
const int4 = edges(-2147483648, 2147483647)
const int8 = bigEdges(-9223372036854775808n, 9223372036854775807n)
const uint4 = edges(0, 4294967295)
const bool = Arbitrary.schema(Schema.Boolean)

const named = <const Name extends string, A>(name: Name, values: Arbitrary.Arbitrary<A>) => ({ name, values })

/** Every type whose values come back as they were sent, with values of it. */
export const scalars: ReadonlyArray<{ readonly name: string; readonly values: Arbitrary.Arbitrary<unknown> }> = [
  named("bool", bool),
  named("bytea", bytes),
  named(
    '"char"',
    orOneOf(
      Arbitrary.map(integer(1, 255), (code) => String.fromCharCode(code)),
      [""]
    )
  ),
  named("int2", int2),
  named("int4", int4),
  named("int8", int8),
  ...["oid", "xid", "cid", "regclass", "regtype", "regproc", "regrole"].map((name) => named(name, uint4)),
  named("xid8", bigEdges(0n, 18446744073709551615n)),
  named("float4", Arbitrary.map(float, Math.fround)),
  named("float8", float),
  named("numeric", numeric),
  ...["text", "varchar", "bpchar", "name", "xml", "refcursor", "jsonpath"].map((name) => named(name, text)),
  named("json", json),
  named("jsonb", json),
  named("uuid", uuid),
  named("date", day),
  named("time", bigEdges(0n, 86400000000n)),
  named("timestamp", instant),
  named("timestamptz", instant),
  named("interval", interval),
  named(
    "timetz",
    orOneOf(
      Arbitrary.map(integer(10, 23), (hour) => `${hour}:30:00.5+02:30`),
      ["00:00:00-15:59"]
    )
  ),
  named("bit", bit),
  named("varbit", bit),
  named(
    "macaddr",
    Arbitrary.map(hex(6), (hex) => hex.join(":"))
  ),
  named(
    "macaddr8",
    Arbitrary.map(hex(8), (hex) => hex.join(":"))
  ),
  named(
    "pg_lsn",
    Arbitrary.map(Arbitrary.all([uint4, uint4]), (halves) =>
      halves.map((half) => half.toString(16).toUpperCase()).join("/")
    )
  ),
  named(
    "tid",
    Arbitrary.map(Arbitrary.all([uint4, integer(0, 65535)]), ([block, row]) => `(${block},${row})`)
  ),
  named(
    "inet",
    orOneOf(
      Arbitrary.map(integer(0, 255), (byte) => `10.0.0.${byte}`),
      ["::1", "10.0.0.1/8"]
    )
  ),
  named(
    "cidr",
    orOneOf(
      Arbitrary.map(integer(0, 255), (byte) => `10.0.0.${byte}/32`),
      ["10.0.0.0/8"]
    )
  ),
  named("point", point),
  named(
    "line",
    Arbitrary.map(Arbitrary.all([float, float, float]), ([a, b, c]): PgTypes.Line => ({ a, b, c }))
  ),
  named(
    "lseg",
    Arbitrary.map(Arbitrary.all([point, point]), ([start, end]): PgTypes.LineSegment => ({ start, end }))
  ),
  named(
    "box",
    Arbitrary.map(Arbitrary.all([point, point]), ([high, low]): PgTypes.Box => ({ high, low }))
  ),
  named(
    "path",
    Arbitrary.map(Arbitrary.all([bool, points]), ([closed, points]): PgTypes.Path => ({ closed, points }))
  ),
  named(
    "polygon",
    Arbitrary.map(points, (points): PgTypes.Polygon => ({ points }))
  ),
  named(
    "circle",
    Arbitrary.map(Arbitrary.all([point, float]), ([centre, radius]): PgTypes.Circle => ({ ...centre, radius }))
  ),
  ...["money", "pg_snapshot"].map((name) => named(name, bytes)),
  ...["tsvector", "tsquery"].map((name) => named(name, counted)),
  named("int4range", range(int4)),
  named("int8range", range(int8)),
  named("numrange", range(numeric)),
  named("tsrange", range(instant)),
  named("tstzrange", range(instant)),
  named("daterange", range(day))
]

/** Values and, one in four, NULLs. */
export const orNull = <A>(values: Arbitrary.Arbitrary<A>): Arbitrary.Arbitrary<A | null> =>
  Arbitrary.map(Arbitrary.all([values, integer(0, 3)]), ([value, kind]) => (kind === 0 ? null : value))
