/** COPY, in both directions. */
import { assert } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { PgConnectionShape } from "green-pg"
import { terminate } from "../support/postgres.ts"
import { eachDriver, reasonOf, until } from "./support/connecting.ts"

const bytes = (text: string) => Buffer.from(text)

const table = (connection: PgConnectionShape) =>
  connection.script("CREATE TEMPORARY TABLE t (id int CONSTRAINT t_id PRIMARY KEY, name text)")

const rowsOf = (connection: PgConnectionShape) =>
  Effect.map(connection.queryValues("SELECT id, name FROM t ORDER BY id"), ({ rows }) => rows)

const copyIn = (connection: PgConnectionShape, sql: string, ...chunks: ReadonlyArray<string | Uint8Array>) =>
  Stream.run(
    Stream.fromIterable(chunks.map((chunk) => (typeof chunk === "string" ? bytes(chunk) : chunk))),
    connection.copyIn(sql)
  )

const copyOut = (connection: PgConnectionShape, sql: string) =>
  Effect.map(Stream.runCollect(connection.copyOut(sql)), (chunks) => Buffer.concat(chunks))

const isFine = (connection: PgConnectionShape) =>
  Effect.gen(function* () {
    assert.deepStrictEqual((yield* connection.query("SELECT 1 AS one")).rows, [{ one: 1 }])
    assert.isTrue(connection.isUsable())
  })

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

  test("an error of the data is the server's, and nothing is copied", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* table(connection)
      const lines = Array.from({ length: 200_000 }, (_, id) => `${id}\tx\n`).join("")
      const cases = [
        [["1\ta\n", "1\tb\n"], "23505"],
        [["1\ta\n", "nonsense\n"], "22P02"],
        [["1\n"], "22P04"],
        [["x\ty\n", lines], "22P02"],
        [[lines, "0\tagain\n", lines], "23505"]
      ] as const
      for (const [chunks, code] of cases) {
        const error = yield* Effect.flip(copyIn(connection, "COPY t FROM STDIN", ...chunks))
        assert.strictEqual(error.code, code)
        assert.deepStrictEqual(yield* rowsOf(connection), [])
        yield* isFine(connection)
      }
      const error = yield* Effect.flip(copyIn(connection, "COPY t FROM STDIN", "1\ta\nx\tb\n"))
      assert(error.reason._tag === "Server")
      assert.strictEqual(error.reason.message.where, 'COPY t, line 2, column id: "x"')
    }))

  test("an error while data come out is the stream's, after those before it", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      let lines = 0
      const error = yield* Effect.flip(
        Stream.runForEach(
          connection.copyOut("COPY (SELECT 1 / (5000 - n) FROM generate_series(1, 10000) AS n) TO STDOUT"),
          () => Effect.sync(() => lines++)
        )
      )
      assert.strictEqual(error.code, "22012")
      assert.strictEqual(lines, 4999)
      yield* isFine(connection)
    }))

  test("when the stream of the data fails nothing is copied", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* table(connection)
      const data = (chunks: ReadonlyArray<string>) =>
        Stream.concat(Stream.map(Stream.fromIterable(chunks), bytes), Stream.fail("no more"))
      for (const chunks of [[], ["1\ta\n"], Array.from({ length: 50_000 }, (_, id) => `${id}\tx\n`)]) {
        const outcome = yield* Effect.exit(Stream.run(data(chunks), connection.copyIn("COPY t FROM STDIN")))
        assert.deepStrictEqual(outcome, Exit.fail("no more"))
        assert.deepStrictEqual(yield* rowsOf(connection), [])
        yield* isFine(connection)
      }
    }))

  test("when the stream of the data dies nothing is copied", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* table(connection)
      const data = Stream.concat(Stream.make(bytes("1\ta\n")), Stream.die("broken"))
      const outcome = yield* Effect.exit(Stream.run(data, connection.copyIn("COPY t FROM STDIN")))
      assert.deepStrictEqual(outcome, Exit.die("broken"))
      assert.deepStrictEqual(yield* rowsOf(connection), [])
      yield* isFine(connection)
    }))

  test("an interruption while data are waited for copies nothing", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* table(connection)
      const asked = yield* Deferred.make<void>()
      const data = Stream.concat(
        Stream.make(bytes("1\ta\n")),
        Stream.fromEffect(Effect.andThen(Deferred.succeed(asked, undefined), Effect.never))
      )
      const running = yield* Effect.forkChild(Stream.run(data, connection.copyIn("COPY t FROM STDIN")))
      yield* Deferred.await(asked)
      yield* Fiber.interrupt(running)
      assert.deepStrictEqual(yield* rowsOf(connection), [])
      yield* isFine(connection)
    }))

  test("an interruption at any moment copies nothing or all, and leaves the connection in order", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* table(connection)
      const chunk = bytes(Array.from({ length: 2000 }, (_, id) => `${id}\t${"x".repeat(100)}\n`).join(""))
      for (let round = 0; round < 40; round++) {
        const running = yield* Effect.forkChild(copyIn(connection, "COPY t FROM STDIN", chunk), {
          startImmediately: true
        })
        yield* Effect.sleep(round / 4)
        yield* Fiber.interrupt(running)
        const { rows } = yield* connection.query("SELECT count(*)::int AS count FROM t")
        assert.include([0, 2000], rows[0]?.["count"])
        yield* connection.query("DELETE FROM t")

        const reading = yield* Effect.forkChild(
          copyOut(connection, "COPY (SELECT repeat('x', 100) FROM generate_series(1, 3000)) TO STDOUT"),
          { startImmediately: true }
        )
        yield* Effect.sleep(round / 4)
        yield* Fiber.interrupt(reading)
        assert.deepStrictEqual((yield* connection.query("SELECT $1::int AS round", [round])).rows, [{ round }])
      }
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

  test("what is no COPY in that direction is refused, and what cannot be", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* table(connection)
      const reasonsIn = ["SELECT 1", "", "COPY t TO STDOUT", "COPY t FROM STDIN; COPY t FROM STDIN", "COPY t \0"]
      for (const sql of reasonsIn) {
        const reason = yield* reasonOf(copyIn(connection, sql, "1\ta\n"))
        assert.strictEqual(reason._tag, "InvalidInput", sql)
        yield* isFine(connection)
      }
      for (const sql of ["SELECT 1", "", "COPY t FROM STDIN", "COPY t \0"]) {
        const reason = yield* reasonOf(copyOut(connection, sql))
        assert.strictEqual(reason._tag, "InvalidInput", sql)
        yield* isFine(connection)
      }
      for (const [sql, code] of [
        ["COPY nowhere FROM STDIN", "42P01"],
        ["COPY t FROM STDIN WITH (nonsense)", "42601"],
        ["nonsense", "42601"]
      ] as const) {
        assert.strictEqual((yield* Effect.flip(copyIn(connection, sql, "1\ta\n"))).code, code)
        assert.strictEqual((yield* Effect.flip(copyOut(connection, sql.replace("FROM STDIN", "TO STDOUT")))).code, code)
        yield* isFine(connection)
      }
      assert.deepStrictEqual(yield* rowsOf(connection), [])
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

  test("a connection that is lost while data come out fails the stream", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const sql = `COPY (SELECT CASE WHEN n = 3000 THEN pg_terminate_backend(pg_backend_pid()) END, n
                         FROM (SELECT generate_series(1, 1000000) AS n) AS rows) TO STDOUT`
      const error = yield* Effect.flip(Stream.runDrain(connection.copyOut(sql)))
      assert.strictEqual(error.reason._tag, "ConnectionLost")
      assert.strictEqual(error.code, "57P01")
      assert.isFalse(connection.isUsable())
    }))

  test("a connection that is lost in the middle fails the COPY", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* table(connection)
      const data = Stream.concat(
        Stream.make(bytes("1\ta\n")),
        Stream.fromEffect(Effect.as(terminate(connection.processId), bytes("2\tb\n")))
      )
      const error = yield* Effect.flip(Stream.run(data, connection.copyIn("COPY t FROM STDIN")))
      assert.strictEqual(error.reason._tag, "ConnectionLost")
      assert.strictEqual(error.code, "57P01")
      assert.isFalse(connection.isUsable())
    }))
})
