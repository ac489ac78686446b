/** A conversation with the server that has something of everything in it. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { PgConnectionShape } from "green-pg"
import { randomUUID } from "node:crypto"

/** Everything in it is asserted, with values that show a byte that is wrong. */
export const conversation = (connection: PgConnectionShape) =>
  Effect.gen(function* () {
    const text = "äöü€".repeat(50)
    const { rows } = yield* connection.query("SELECT $1::text AS text, $2::int8 AS number, NULL AS nothing", [
      text,
      12n
    ])
    assert.deepStrictEqual(rows, [{ text, number: 12n, nothing: null }])
    const error = yield* Effect.flip(connection.query("SELECT 1 / $1::int", [0]))
    assert.strictEqual(error.code, "22012")
    const results = yield* connection.pipeline([{ sql: "SELECT 1 AS one" }, { sql: "SELECT 2 AS two" }])
    assert.deepStrictEqual(
      results.map((result) => result.rows),
      [[{ one: 1 }], [{ two: 2 }]]
    )
    const many = yield* Stream.runCollect(
      connection.stream("SELECT i FROM generate_series(1, 30) i", [], { chunkSize: 7 })
    )
    assert.deepStrictEqual(
      many.map((row) => row["i"]),
      Array.from({ length: 30 }, (_, index) => index + 1)
    )
    yield* connection.script("CREATE TEMPORARY TABLE IF NOT EXISTS copied (value text)")
    const copied = yield* Stream.run(
      Stream.make(new TextEncoder().encode("first\nsecond\n"), new TextEncoder().encode("third\n")),
      connection.copyIn("COPY copied FROM STDIN")
    )
    assert.strictEqual(copied, 3)
    const out = yield* Stream.runCollect(connection.copyOut("COPY copied TO STDOUT"))
    assert.strictEqual(Buffer.concat(out).toString(), "first\nsecond\nthird\n")
    // Others use the database, too.
    const channel = randomUUID()
    const heard = yield* connection.listen(channel)
    yield* connection.notify(channel, "hello")
    const { payload } = yield* Queue.take(heard)
    assert.strictEqual(payload, "hello")
  }).pipe(Effect.scoped)
