/** Values go to the host and come back as they were, whatever their schema. */
import { describe, expect, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { green } from "green-blocking"
import { kinds, values, ValueOps } from "../fixtures/valueOps.ts"
import { pools } from "../support/pools.ts"

const url = new URL("../fixtures/valueJobs.ts", import.meta.url)
const wrong = green(() => import("../fixtures/valueJobs.ts"), url, "wrong")

const Echo = ValueOps.toLayer({
  Number: Effect.succeed,
  String: Effect.succeed,
  BigInt: Effect.succeed,
  Undefined: Effect.succeed,
  Null: Effect.succeed,
  Date: Effect.succeed,
  RegExp: Effect.succeed,
  Bytes: Effect.succeed,
  Map: Effect.succeed,
  Set: Effect.succeed,
  Tuple: Effect.succeed,
  Record: Effect.succeed,
  Option: Effect.succeed,
  Result: Effect.succeed,
  Duration: Effect.succeed,
  HashMap: Effect.succeed,
  Point: Effect.succeed,
  Symbol: Effect.succeed,
  Tree: Effect.succeed,
  Dated: Effect.succeed
})

describe.each(pools)("in $kind", ({ layer }) => {
  it.layer(layer(ValueOps, Echo))("values", (it) => {
    for (const kind of kinds) {
      const { samples, schema } = values[kind]
      it.effect(`${kind}: those that are special`, () =>
        Effect.gen(function* () {
          const encode = Schema.encodeUnknownSync(Schema.toCodecJson(schema))
          expect(
            yield* wrong(
              kind,
              samples.map((value: unknown) => encode(value))
            )
          ).toEqual([])
        })
      )
    }

    const kind = Arbitrary.schema(Schema.Literals(kinds))
    it.effect.prop(
      "any",
      [Arbitrary.flatMap(kind, (each) => Arbitrary.map(json(each), (sent) => ({ kind: each, sent })))],
      ([{ kind, sent }]) =>
        Effect.gen(function* () {
          expect(yield* wrong(kind, sent)).toEqual([])
        }),
      { arbitrary: { runs: 200 } }
    )
  })
})

/** Values of a kind, as JSON. */
const json = (kind: (typeof kinds)[number]): Arbitrary.Arbitrary<ReadonlyArray<unknown>> => {
  const schema: Schema.Codec<unknown, unknown> = values[kind].schema
  const encode = Schema.encodeUnknownSync(Schema.toCodecJson(schema))
  const of: Arbitrary.Arbitrary<unknown> = Arbitrary.schema(schema)
  return Arbitrary.map(Arbitrary.array(of, { maxLength: 5 }), (all) => all.map((each) => encode(each)))
}
