/** Streams within transactions of effect/sql, which have one connection for everything. */
import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { clientLayer, variants } from "./support/client.ts"
import { allAtRest, reasonOf, type Value, values } from "./support/transactions.ts"

describe.each(variants)("transactions that stream ($driver, multiplex: $multiplex)", (variant) => {
  layer(clientLayer(variant), { excludeTestServices: true })((it) => {
    it.effect("stream what they see, and go on after it", () =>
      Effect.gen(function* () {
        const { insert, seen, sql, table } = yield* values
        const streamed = yield* sql.withTransaction(
          Effect.gen(function* () {
            yield* sql`INSERT INTO ${table} SELECT lpad(n::text, 5, '0') FROM generate_series(1, 3000) AS n`
            const rows = yield* sql<Value>`SELECT value FROM ${table} ORDER BY value`.stream.pipe(Stream.runCollect)
            yield* insert("after")
            return rows
          })
        )
        assert.strictEqual(streamed.length, 3000)
        assert.strictEqual((yield* seen).length, 3001)
        yield* allAtRest
      })
    )

    it.effect("can ask for each row of a stream of theirs, and stream two at once", () =>
      Effect.gen(function* () {
        const { sql } = yield* values
        const many = sql<{ n: number }>`SELECT n, repeat('x', 200) FROM generate_series(1, 20000) AS n`
        const [asked, both] = yield* sql.withTransaction(
          Effect.all([
            many.stream.pipe(
              Stream.filter(({ n }) => n % 1000 === 0),
              Stream.mapEffect(({ n }) => sql<{ half: number }>`SELECT ${n}::int / 2 AS half`),
              Stream.runCollect
            ),
            Stream.zip(many.stream, many.stream).pipe(Stream.runCount)
          ])
        )
        assert.deepStrictEqual(
          asked.flat().map(({ half }) => half),
          Array.from({ length: 20 }, (_, index) => (index + 1) * 500)
        )
        assert.strictEqual(both, 20000)
        yield* allAtRest
      })
    )

    it.effect("fail when a stream of theirs ends early, since its statement is cancelled", () =>
      Effect.gen(function* () {
        const { insert, seen, sql } = yield* values
        const reason = yield* reasonOf(
          sql.withTransaction(
            Effect.gen(function* () {
              yield* insert("one")
              yield* sql`SELECT repeat('x', 1000) AS x FROM generate_series(1, 100000)`.stream.pipe(
                Stream.take(1),
                Stream.runDrain
              )
              yield* insert("two")
            })
          )
        )
        assert.propertyVal(reason.cause, "code", "25P02")
        assert.deepStrictEqual(yield* seen, [])
        yield* allAtRest
      })
    )
  })
})
