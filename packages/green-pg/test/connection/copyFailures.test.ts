/** COPY: what can go wrong, and what is left when it does. */
import { assert } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { terminate } from "../support/postgres.ts"
import { eachDriver, reasonOf } from "./support/connecting.ts"
import { bytes, copyIn, copyOut, isFine, rowsOf, table } from "./support/copying.ts"

eachDriver(({ connect, test }) => {
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

  test("a connection that is lost in the middle fails the COPY, with what the server said last", () =>
    Effect.gen(function* () {
      // Whether that is found when it is read or when something is written is a matter of a millisecond.
      for (let round = 0; round < 20; round++) {
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
      }
    }))
})
