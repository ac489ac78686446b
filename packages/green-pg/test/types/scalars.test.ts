/** Every type: what was sent comes back, and what it cannot hold is an error that says so. */
import { assert, describe, it } from "@effect/vitest"
import * as SqlPg from "@effect/sql-pg/PgTypes"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { PgTypes } from "green-pg"
import * as ByteSink from "../support/ByteSink.ts"
import { integer, read, roundTrip, scalars, types, write } from "../support/values.ts"

/** The types that `@effect/sql-pg` has, too. */
const shared = new Set<number>(Object.values(SqlPg.OID))

/** Beyond 285 years of 2000 sql-pg rounds a time by some microseconds, which can move it by a millisecond. */
const isFar = (value: unknown): boolean => value instanceof Date && Math.abs(value.getTime() - 946684800000) > 9e12

const failure = (evaluate: () => unknown): string => {
  try {
    return `no error, but ${String(evaluate())}`
  } catch (error) {
    return error instanceof PgTypes.CodecError ? error.message : `no CodecError, but ${String(error)}`
  }
}

describe("what was sent comes back", () => {
  for (const { name, values } of scalars) {
    it.effect.prop(`as ${name}`, [values], ([value]) =>
      Effect.sync(() => assert.deepStrictEqual(roundTrip(name, value), value))
    )
  }
})

it("a byte order mark comes back, also beside a replacement character, where sql-pg loses it", () => {
  assert.strictEqual(roundTrip("text", "\ufeff both \ufffd"), "\ufeff both \ufffd")
})

describe("bytes and values are those of @effect/sql-pg", () => {
  for (const { name, values } of scalars) {
    const { oid } = types.typed(name, null)
    if (!shared.has(oid)) continue
    it.effect.prop(`for ${name}`, [values], ([value]) =>
      Effect.sync(() => {
        const bytes = write(types.typed(name, value))
        if (!isFar(value)) assert.deepStrictEqual(bytes, Uint8Array.from(Result.getOrThrow(SqlPg.encode(value, oid))))
        assert.deepStrictEqual(read(oid, bytes), Result.getOrThrow(SqlPg.decode(bytes, oid, 1)))
      })
    )
  }

  it.effect.prop(
    "for timestamps to the microsecond",
    [Arbitrary.all([integer(-2147483648, 2147483647), integer(0, 4294967295)])],
    ([[high, low]]) =>
      Effect.sync(() => {
        const bytes = new Uint8Array(8)
        new DataView(bytes.buffer).setInt32(0, high >> (low % 24))
        new DataView(bytes.buffer).setUint32(4, low)
        assert.deepStrictEqual(
          read(PgTypes.OID.timestamptz, bytes),
          Result.getOrThrow(SqlPg.decode(bytes, PgTypes.OID.timestamptz, 1))
        )
      })
  )

  it("for infinite timestamps, and for fractions of milliseconds", () => {
    for (const value of [Infinity, -Infinity, 0.5, -1.25, 946684800000.5, 9e15, -1e15]) {
      const bytes = Result.getOrThrow(SqlPg.encode(value, PgTypes.OID.timestamptz))
      assert.deepStrictEqual(write(PgTypes.timestamptz(value)), Uint8Array.from(bytes), String(value))
    }
  })
})

describe("a value that a type cannot hold is an error that names both", () => {
  const cases: ReadonlyArray<readonly [name: string, value: unknown, message: string]> = [
    ["bool", 1, "bool takes a boolean, not the number 1"],
    ["int2", 32768, "32768 is out of range for int2: -32768 to 32767"],
    ["int4", 2147483648, "2147483648 is out of range for int4: -2147483648 to 2147483647"],
    ["int4", 1.5, "int4 takes an integer, not the number 1.5"],
    ["int4", NaN, "int4 takes an integer, not the number NaN"],
    ["int4", "5", "int4 takes an integer, not a string of 1 characters"],
    ["int8", 2n ** 63n, "9223372036854775808 is out of range for int8: -9223372036854775808 to 9223372036854775807"],
    ["int8", 2 ** 60, "int8 takes a bigint or a safe integer, not the number 1152921504606847000"],
    ["oid", -1, "-1 is out of range for oid: 0 to 4294967295"],
    ["float4", 1e300, "1e+300 is out of range for float4"],
    ["float8", 1n, "float8 takes a number, not the bigint 1"],
    ["numeric", "1e131072", "a numeric has at most 131072 digits before the decimal point"],
    ["numeric", "9e999999999", "a numeric has at most 131072 digits before the decimal point"],
    ["text", 5, "text takes a string, not the number 5"],
    ["text", "a\0b", "the string has the character U+0000 at 1"],
    ["text", "\ud800", "the string has a lone surrogate"],
    ["timestamptz", new Date(NaN), "timestamptz cannot hold an invalid Date"],
    ["timestamp", NaN, "timestamp cannot hold NaN"],
    ["timestamptz", 1e300, "timestamp out of range: 1e+300"],
    ["timestamptz", "2020-01-01", "timestamptz takes a Date or milliseconds, not a string of 10 characters"],
    ["bytea", "abc", "bytea takes a Uint8Array, not a string of 3 characters"],
    ["json", 1n, "json takes what JSON can hold: "],
    ["jsonb", () => 1, "jsonb takes a value that JSON can hold, not a function"],
    ["bit", "012", "bit takes a string of 0 and 1, not a string of 3 characters"],
    ["macaddr", "08:00", "macaddr takes 6 bytes in hexadecimal"],
    ["pg_lsn", "1", "pg_lsn takes a string such as 16/B374D848"],
    ["tid", "(4294967296,0)", "tid takes a string such as (0,1)"],
    ['"char"', "ab", '"char" takes a string of one character of one byte'],
    ["point", { x: 1 }, "point takes an object of the numbers x, y, not an object of the class Object"],
    ["int4range", [1, 2], "a range type takes a PgRange, not an array of 2 elements"],
    ["record", [1], "PostgreSQL takes no anonymous record as a parameter"],
    ["tsvector", "a", "tsvector takes its binary form as a Uint8Array (or send a string without a type)"]
  ]
  for (const [name, value, message] of cases) {
    it(`${name}: ${message}`, () => {
      assert.include(
        failure(() => write(types.typed(name, value))),
        message
      )
    })
  }

  it("and the place of the parameter", () => {
    const message = failure(() => types.write(ByteSink.make(), PgTypes.int4(0.5), 1))
    assert.strictEqual(message, "parameter $2: int4 takes an integer, not the number 0.5")
  })
})

describe("what comes is looked at", () => {
  it.effect.prop(
    "any bytes are a value of a type, or a CodecError",
    [Arbitrary.all([integer(0, 10_000), Arbitrary.array(integer(0, 40), { maxLength: 40 })])],
    ([[choice, bytes]]) =>
      Effect.sync(() => {
        const { name } = scalars[choice % scalars.length] ?? { name: "text" }
        for (const type of [name, `${name}[]`, "int4multirange", "record", "anyarray", "int2vector"]) {
          try {
            read(
              types.typed(type, null).oid,
              Uint8Array.from(bytes, (byte) => (byte > 35 ? byte + 200 : byte))
            )
          } catch (error) {
            assert.instanceOf(error, PgTypes.CodecError, `${type}: ${String(error)}`)
          }
        }
      }),
    { arbitrary: { runs: 1000 } }
  )

  it("text that is no UTF-8 is an error, and never replaced", () => {
    const message = "the text is not valid UTF-8"
    assert.strictEqual(
      failure(() => read(25, Uint8Array.from([0x61, 0xff]))),
      message
    )
    assert.strictEqual(
      failure(() => read(25, new Uint8Array(50).fill(0x80))),
      message
    )
  })

  it("a value of another size is an error that says which", () => {
    assert.strictEqual(
      failure(() => read(23, new Uint8Array(3))),
      "int4 has 4 bytes, and 3 came"
    )
  })

  it("what is read keeps no view of the bytes", () => {
    const bytes = Uint8Array.from([1, 2, 3])
    const value = types.columnReader(17)(bytes, 0, 3)
    bytes.fill(0)
    assert.deepStrictEqual(value, Uint8Array.from([1, 2, 3]))
  })

  it("what a function gives that gives nothing is the empty string", () => {
    assert.strictEqual(read(2278, new Uint8Array(0)), "")
  })
})

describe("a type that is not known", () => {
  it("is read as text, which enums are", () => {
    assert.strictEqual(read(99_999, new TextEncoder().encode("sad")), "sad")
  })

  it("and is an error when it can be no text", () => {
    const message =
      "the type with the OID 99999 is unknown, and no text: load it by its name, register a codec, or cast it to text"
    assert.strictEqual(
      failure(() => read(99_999, Uint8Array.from([0, 1]))),
      message
    )
    assert.strictEqual(
      failure(() => read(99_999, Uint8Array.from([0xff]))),
      message
    )
  })

  it("cannot be sent", () => {
    const parameter = { ...PgTypes.int4(1), oid: 99_999 }
    assert.include(
      failure(() => write(parameter)),
      "the type with the OID 99999 is unknown: "
    )
  })
})
