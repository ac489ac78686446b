/** COPY, in both directions. */
import { assert } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { eachDriver, until } from "./support/connecting.ts"
import { bytes, copyIn, copyOut, isFine, rowsOf, table } from "./support/copying.ts"

eachDriver(({ connect, sessions, test }) => {
  test("data are copied in, and the sink gives the number of rows", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* table(connection)
      assert.strictEqual(yield* copyIn(connection, "COPY t FROM STDIN", "1\ta\n2\t\\N\n", "3\tb\\tc\n"), 3)
      assert.deepStrictEqual(yield* rowsOf(connection), [
        [1, "a"],
        [2, null],
        [3, "b\tc"]
      ])
      yield* isFine(connection)
    }))

  test("data may be cut anywhere, and be empty", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* table(connection)
      const all = bytes('1,"ä"\n2,"x,\n""y"\n3,🎉\n')
      const single = Array.from(all, (byte) => Uint8Array.of(byte))
      const chunks = single.flatMap((byte) => [byte, new Uint8Array()])
      assert.strictEqual(yield* copyIn(connection, "COPY t FROM STDIN WITH (FORMAT csv)", ...chunks), 3)
      assert.deepStrictEqual(yield* rowsOf(connection), [
        [1, "ä"],
        [2, 'x,\n"y'],
        [3, "🎉"]
      ])
      assert.strictEqual(yield* copyIn(connection, "COPY t FROM STDIN"), 0)
      assert.strictEqual(yield* copyIn(connection, "COPY t FROM STDIN", "", new Uint8Array()), 0)
      yield* isFine(connection)
    }))

  test("chunks may be larger than every buffer", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* table(connection)
      const line = (id: number) => `${id}\t${String(id).repeat(20)}\n`
      const large = bytes(Array.from({ length: 300_000 }, (_, id) => line(id)).join(""))
      assert.isAbove(large.length, 10_000_000)
      assert.strictEqual(yield* copyIn(connection, "COPY t FROM STDIN", large), 300_000)
      const back = yield* copyOut(connection, "COPY (SELECT * FROM t ORDER BY id) TO STDOUT")
      assert.isTrue(back.equals(large))
      yield* isFine(connection)
    }))

  test("what is copied out in the binary format can be copied in", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* table(connection)
      yield* connection.query("INSERT INTO t SELECT n, repeat('ä', n) FROM generate_series(1, 1000) AS n")
      const out = yield* copyOut(connection, "COPY t TO STDOUT WITH (FORMAT binary)")
      assert.strictEqual(out.subarray(0, 11).toString("latin1"), "PGCOPY\n\xff\r\n\0")
      yield* connection.query("CREATE TEMPORARY TABLE u (LIKE t)")
      assert.strictEqual(yield* copyIn(connection, "COPY u FROM STDIN WITH (FORMAT binary)", out), 1000)
      const { rows } = yield* connection.query("SELECT count(*)::int AS count FROM (TABLE t EXCEPT TABLE u) AS d")
      assert.deepStrictEqual(rows, [{ count: 0 }])
    }))

  test("data come out row by row, in text and CSV", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const text = yield* Stream.runCollect(
        connection.copyOut("COPY (VALUES (1, 'a'), (2, NULL), (3, E'b\\tc')) TO STDOUT")
      )
      assert.deepStrictEqual(
        text.map((chunk) => Buffer.from(chunk).toString()),
        ["1\ta\n", "2\t\\N\n", "3\tb\\tc\n"]
      )
      const csv = yield* copyOut(connection, `COPY (VALUES (1, 'a,"b"')) TO STDOUT WITH (FORMAT csv)`)
      assert.strictEqual(csv.toString(), '1,"a,""b"""\n')
      assert.lengthOf(yield* copyOut(connection, "COPY (SELECT 1 WHERE false) TO STDOUT"), 0)
      yield* isFine(connection)
    }))

  test("a hundred thousand rows go in and out", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* table(connection)
      const source = connection.copyOut("COPY (SELECT n, 'row ' || n FROM generate_series(1, 100000) AS n) TO STDOUT")
      const sink = yield* connect()
      yield* table(sink)
      assert.strictEqual(yield* Stream.run(source, sink.copyIn("COPY t FROM STDIN")), 100_000)
      const { rows } = yield* sink.query("SELECT count(*)::int AS count, sum(id)::text AS sum FROM t")
      assert.deepStrictEqual(rows, [{ count: 100_000, sum: "5000050000" }])
    }))

  test("while nobody takes what is copied out the server waits", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const got = yield* Deferred.make<void>()
      const more = yield* Deferred.make<void>()
      let size = 0
      const running = yield* Effect.forkChild(
        Stream.runForEach(
          connection.copyOut("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 50000)) TO STDOUT"),
          (chunk) => {
            size += chunk.length
            return Effect.andThen(Deferred.succeed(got, undefined), Deferred.await(more))
          }
        )
      )
      yield* Deferred.await(got)
      yield* until(sessions, (found) => found.some(({ state }) => state === "active"))
      yield* Deferred.succeed(more, undefined)
      yield* Fiber.join(running)
      assert.strictEqual(size, 50000 * 1001)
    }))

  test("a stream of data that ends early cancels the COPY", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const chunks = yield* connection
        .copyOut("COPY (SELECT generate_series(1, 1000000000)) TO STDOUT")
        .pipe(Stream.take(3), Stream.runCollect)
      assert.lengthOf(chunks, 3)
      assert.isFalse((yield* sessions).some(({ state }) => state === "active"))
      yield* isFine(connection)
    }))

  test("names are quoted as in any statement", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.script(`CREATE TEMPORARY TABLE "a ""table"" ä" ("a column" int)`)
      assert.strictEqual(yield* copyIn(connection, `COPY "a ""table"" ä" ("a column") FROM STDIN`, "1\n"), 1)
      assert.strictEqual((yield* copyOut(connection, `COPY "a ""table"" ä" TO STDOUT`)).toString(), "1\n")
    }))

  test("COPY within a transaction is part of it", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* table(connection)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const held = yield* connection.hold
          yield* held.query("BEGIN")
          yield* copyIn(held, "COPY t FROM STDIN", "1\ta\n")
          assert.strictEqual((yield* copyOut(held, "COPY t TO STDOUT")).toString(), "1\ta\n")
          yield* held.query("ROLLBACK")
        })
      )
      assert.deepStrictEqual(yield* rowsOf(connection), [])
    }))

  test("statements of others wait for the end of a COPY", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* table(connection)
      const other = yield* Deferred.make<Fiber.Fiber<unknown, unknown>>()
      const data = Stream.concat(
        Stream.make(bytes("1\ta\n")),
        Stream.fromEffect(
          Effect.gen(function* () {
            const count = connection.query("SELECT count(*)::int AS count FROM t")
            yield* Deferred.succeed(other, yield* Effect.forkDetach(count, { startImmediately: true }))
            yield* sessions
            return bytes("2\tb\n")
          })
        )
      )
      assert.strictEqual(yield* Stream.run(data, connection.copyIn("COPY t FROM STDIN")), 2)
      const answer = yield* Effect.flatMap(Deferred.await(other), Fiber.join)
      assert.deepInclude(answer, { rows: [{ count: 2 }] })
    }))
})
