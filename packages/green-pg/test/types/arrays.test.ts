/** Arrays: of every type, of every shape that PostgreSQL has. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { PgRange, PgTypes } from "green-pg"
import * as SqlPg from "@effect/sql-pg/PgTypes"
import * as ByteSink from "../support/ByteSink.ts"
import { integer, orNull, range, read, roundTrip, scalars, types, write } from "../support/values.ts"

const message = (evaluate: () => unknown): string => {
  try {
    return `no error, but ${String(evaluate())}`
  } catch (error) {
    return error instanceof PgTypes.CodecError ? error.message : `no CodecError, but ${String(error)}`
  }
}

/** Rectangular arrays of one to three dimensions, none of them empty but the first. */
const nested = (values: Arbitrary.Arbitrary<unknown>): Arbitrary.Arbitrary<ReadonlyArray<unknown>> =>
  Arbitrary.flatMap(Arbitrary.all([integer(1, 3), integer(1, 3), integer(1, 3), integer(0, 4)]), ([a, b, c, kind]) => {
    const exactly = (item: Arbitrary.Arbitrary<unknown>, length: number) =>
      Arbitrary.array(item, { minLength: length, maxLength: length })
    const item = orNull(values)
    if (kind <= 1) return Arbitrary.array(item, { maxLength: 4 })
    return exactly(kind <= 3 ? exactly(item, b) : exactly(exactly(item, c), b), a)
  })

/** Types whose values are arrays themselves: an array of them has one dimension. */
const ofArrays = new Set(["json", "jsonb"])

describe("an array of NULLs and values comes back, whatever its shape", () => {
  for (const { name, values } of scalars) {
    const arrays = ofArrays.has(name) ? Arbitrary.array(orNull(values), { maxLength: 4 }) : nested(values)
    it.effect.prop(
      `for ${name}`,
      [arrays],
      ([value]) =>
        // JSON has a null of its own, which is sent as NULL
        Effect.sync(() => assert.deepStrictEqual(roundTrip(`${name}[]`, value), value)),
      { arbitrary: { runs: 50, size: 20 } }
    )
  }

  it.effect.prop("for int4multirange", [Arbitrary.array(orNull(Arbitrary.array(range(integer(0, 9)))))], ([value]) =>
    Effect.sync(() => assert.deepStrictEqual(roundTrip("int4multirange[]", value), value))
  )
})

describe("bytes", () => {
  it.effect.prop("of one dimension are those of @effect/sql-pg", [Arbitrary.array(orNull(integer(-5, 5)))], ([value]) =>
    Effect.sync(() => {
      const theirs = Result.getOrThrow(SqlPg.encode(value, SqlPg.OID.int4Array))
      assert.deepStrictEqual(write(types.typed("int4[]", value)), Uint8Array.from(theirs))
      assert.deepStrictEqual(read(SqlPg.OID.int4Array, theirs), value)
    })
  )

  it("with other lower bounds are the same array", () => {
    const bytes = write(types.typed("int4[]", [[1, 2]]))
    const view = new DataView(bytes.buffer)
    view.setInt32(16, -3)
    view.setInt32(24, 7)
    assert.deepStrictEqual(read(SqlPg.OID.int4Array, bytes), [[1, 2]])
  })

  it("of the catalog's vectors start at 0", () => {
    const bytes = write(types.typed("int2vector", [1, 2]))
    assert.strictEqual(new DataView(bytes.buffer).getInt32(16), 0)
    assert.deepStrictEqual(read(22, bytes), [1, 2])
    assert.deepStrictEqual(roundTrip("oidvector[]", [[1, 4294967295], [2]]), [[1, 4294967295], [2]])
  })

  it("name the type of the elements, which is the one that is read", () => {
    assert.deepStrictEqual(read(2277, write(types.typed("numeric[]", ["1.5"]))), ["1.5"])
    assert.strictEqual(
      message(() => types.write(ByteSink.make(), { ...PgTypes.int4(1), oid: 2277 })).slice(0, 8),
      "anyarray"
    )
  })

  it("that announce more elements than there are do not take memory for them", () => {
    const bytes = write(types.typed("int4[]", [1]))
    new DataView(bytes.buffer).setInt32(12, 0x7fffffff)
    assert.strictEqual(
      message(() => read(1007, bytes)),
      "the array has no valid head"
    )
  })

  it("that end early or late are an error", () => {
    const bytes = write(types.typed("int4[]", [1, 2]))
    assert.strictEqual(
      message(() => read(1007, bytes.subarray(0, -1))),
      "the array ends in the middle of a value"
    )
    assert.strictEqual(
      message(() => read(1007, Uint8Array.of(...bytes, 0))),
      "the array has bytes behind its end"
    )
  })
})

describe("an array that is not rectangular is an error that names the place", () => {
  const cases: ReadonlyArray<readonly [value: ReadonlyArray<unknown>, message: string]> = [
    [[[1, 2], [3]], "the array is not rectangular: [1] has 1 elements where others have 2"],
    [[[1], 2], "the array is not rectangular: [1] is no array where others are"],
    [[1, [2]], "the array is not rectangular: [1] is an array where others are none"],
    [[null, [2]], "the array is not rectangular: [1] is an array where others are none"],
    [[[[1]], [[2], [3]]], "the array is not rectangular: [1] has 2 elements where others have 1"],
    [[[[1]], [[[2]]]], "the array is not rectangular: [1][0][0] is an array where others are none"],
    [[[], [1]], "the array is not rectangular: [1] has 1 elements where others have 0"],
    [[[[[[[[1]]]]]]], "the array has more than the 6 dimensions that PostgreSQL allows"]
  ]
  for (const [value, expected] of cases) {
    it(JSON.stringify(value), () => {
      assert.strictEqual(
        message(() => types.parameter(value)),
        expected
      )
      assert.strictEqual(
        message(() => write(types.typed("int4[]", value))),
        expected
      )
    })
  }
})

describe("an element that its type cannot hold", () => {
  it("is an error, also when it is the array itself", () => {
    const value: Array<unknown> = []
    value.push(value)
    assert.include(
      message(() => types.parameter(value)),
      "the array has more than the 6 dimensions"
    )
  })

  it("is an error that names it", () => {
    assert.strictEqual(
      message(() => write(types.typed("int2[]", [1, 40_000]))),
      "40000 is out of range for int2: -32768 to 32767"
    )
    assert.strictEqual(
      message(() => write(types.typed("int4multirange", [PgRange.empty, null]))),
      "a multirange type takes an array of PgRange, not null"
    )
  })
})
