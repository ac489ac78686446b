/** What TypeScript knows of values and their types. */
import { describe, expectTypeOf, it } from "@effect/vitest"
import * as SqlPg from "@effect/sql-pg/PgTypes"
import { PgRange, PgTypes } from "green-pg"

declare const codec: PgTypes.Codec<{ readonly x: number }>

/** Looked at, and never called. */
const look = (_: () => void): void => {}

describe("PgTypes", () => {
  it("takes the parameters, codecs and errors of @effect/sql-pg", () => {
    expectTypeOf<PgTypes.Parameter>().toEqualTypeOf<SqlPg.Parameter>()
    expectTypeOf<PgTypes.Codec<string>>().toEqualTypeOf<SqlPg.Codec<string>>()
    expectTypeOf<PgTypes.CodecError>().toEqualTypeOf<SqlPg.CodecError>()
    expectTypeOf(SqlPg.int8(5n)).toExtend<PgTypes.Parameter>()
  })

  it("knows the values of parameters with a type", () => {
    look(() => {
      PgTypes.int4range(PgRange.make(1, null))
      PgTypes.tstzrange(PgRange.empty)
      PgTypes.point(null)
      // @ts-expect-error a range of strings
      PgTypes.int4range(PgRange.make("a", "b"))
      // @ts-expect-error one range is no multirange
      PgTypes.int4multirange(PgRange.make(1, 2))
      // @ts-expect-error a point has an y
      PgTypes.point({ x: 1 })
    })
  })

  it("has registries that take any codec, and rows of the catalog", () => {
    const types = PgTypes.make()
    expectTypeOf(types.parameter).toEqualTypeOf<(value: unknown, index?: number) => PgTypes.Parameter>()
    expectTypeOf(types.reader).returns.toEqualTypeOf<PgTypes.ReadValue>()
    expectTypeOf(types.load).parameter(0).toEqualTypeOf<ReadonlyArray<PgTypes.CatalogRow>>()
    look(() => {
      types.register(1, codec, { arrayOid: 2 })
      // @ts-expect-error not a codec
      types.register(1, {})
    })
  })
})
