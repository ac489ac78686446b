/** Ranges as values. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { PgRange } from "green-pg"

describe("PgRange", () => {
  it("has an inclusive lower and an exclusive upper bound by default, as in PostgreSQL", () => {
    const range = PgRange.make(1, 5)
    assert.deepInclude(range, { lower: 1, upper: 5, lowerInclusive: true, upperInclusive: false, empty: false })
  })

  it("has the bounds that were asked for", () => {
    const inclusive = (["[]", "[)", "(]", "()"] as const).map((bounds) => {
      const { lowerInclusive, upperInclusive } = PgRange.make(1, 5, bounds)
      return [lowerInclusive, upperInclusive]
    })
    assert.deepStrictEqual(inclusive, [
      [true, true],
      [true, false],
      [false, true],
      [false, false]
    ])
  })

  it("is never inclusive where it is unbounded", () => {
    const range = PgRange.make<number>(null, null, "[]")
    assert.deepInclude(range, { lowerInclusive: false, upperInclusive: false, empty: false })
  })

  it("is told from an object that looks like it, and is plain data in JSON", () => {
    const range = PgRange.make(1, 5)
    assert.isTrue(PgRange.isPgRange(range))
    assert.isFalse(PgRange.isPgRange({ ...range }))
    assert.isFalse(PgRange.isPgRange(null))
    assert.strictEqual(
      JSON.stringify(PgRange.empty),
      '{"lower":null,"upper":null,"lowerInclusive":false,"upperInclusive":false,"empty":true}'
    )
  })

  it("has the type of its bounds, and the empty one fits all", () => {
    expectTypeOf(PgRange.make(1, null)).toEqualTypeOf<PgRange.PgRange<number>>()
    expectTypeOf(PgRange.empty).toExtend<PgRange.PgRange<Date>>()
    // @ts-expect-error bounds are two brackets
    PgRange.make(1, 2, "[[")
  })
})
