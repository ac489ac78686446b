/** Rows as a stream. */
import { assert } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { PgConnectionShape } from "green-pg"
import { administer } from "../support/postgres.ts"
import { eachDriver, reasonOf, until } from "./support/connecting.ts"

/** Rows that are made when they are sent: a function after FROM is run to its end before. */
const endless = "(SELECT generate_series(1, 1000000000) AS n) AS endless"

const isFine = (connection: PgConnectionShape) =>
  Effect.gen(function* () {
    assert.deepStrictEqual((yield* connection.query("SELECT 1 AS one")).rows, [{ one: 1 }])
    assert.isTrue(connection.isUsable())
  })

eachDriver(({ connect, sessions, test }) => {
  test("a stream gives all rows in order, whatever the size of the chunks", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      for (const chunkSize of [1, 7, 1000, 5000, 5001, undefined]) {
        for (const prepare of [true, false]) {
          const rows = yield* Stream.runCollect(
            connection.stream("SELECT n, n::text AS t FROM generate_series(1, $1::int) AS n", [5000], {
              chunkSize,
              prepare
            })
          )
          assert.lengthOf(rows, 5000)
          rows.forEach((row, index) => assert.deepStrictEqual(row, { n: index + 1, t: String(index + 1) }))
        }
      }
    }))

  test("chunks have as many rows as was asked, but for the last", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const sizes: Array<number> = []
      yield* Stream.runForEachArray(
        connection.stream("SELECT n FROM generate_series(1, 95) AS n", [], { chunkSize: 10 }),
        (rows) => Effect.sync(() => sizes.push(rows.length))
      )
      assert.deepStrictEqual(sizes, [...Array.from({ length: 9 }, () => 10), 5])
    }))

  test("a stream may have no rows, or be of a statement that gives none", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      assert.deepStrictEqual(yield* Stream.runCollect(connection.stream("SELECT 1 WHERE false")), [])
      assert.deepStrictEqual(yield* Stream.runCollect(connection.stream("CREATE TEMPORARY TABLE t ()")), [])
      assert.deepStrictEqual(yield* Stream.runCollect(connection.stream("")), [])
      yield* isFine(connection)
    }))

  test("while nobody takes the server waits", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const sequence = `taken_${connection.processId}`
      yield* administer(`CREATE SEQUENCE ${sequence}`)
      yield* Effect.addFinalizer(() => administer(`DROP SEQUENCE ${sequence}`))
      const produced = Effect.map(administer<{ last: string }>(`SELECT last_value AS last FROM ${sequence}`), ([row]) =>
        Number(row?.last)
      )
      const took = yield* Deferred.make<void>()
      const more = yield* Deferred.make<void>()
      const running = yield* Effect.forkChild(
        connection
          .stream(`SELECT nextval('${sequence}') AS n, repeat('x', 1000) AS fill FROM generate_series(1, 100000)`, [], {
            chunkSize: 100
          })
          .pipe(
            Stream.mapEffect((row) =>
              row["n"] === 1n ? Effect.andThen(Deferred.succeed(took, undefined), Deferred.await(more)) : Effect.void
            ),
            Stream.runCount
          )
      )
      yield* Deferred.await(took)
      const waiting = yield* until(
        administer<{ wait: string | null }>("SELECT wait_event AS wait FROM pg_stat_activity WHERE pid = $1", [
          connection.processId
        ]),
        ([row]) => row?.wait === "ClientWrite"
      )
      assert.deepStrictEqual(waiting, [{ wait: "ClientWrite" }])
      // What is between is in the buffers of the sockets.
      assert.isBelow(yield* produced, 50_000)
      yield* Deferred.succeed(more, undefined)
      assert.strictEqual(yield* Fiber.join(running), 100_000)
      assert.strictEqual(yield* produced, 100_000)
    }))

  test("a stream that ends early cancels the statement", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      for (const count of [0, 1, 1500]) {
        const rows = yield* connection
          .stream(`SELECT n, repeat('x', 100) FROM ${endless}`)
          .pipe(Stream.take(count), Stream.runCollect)
        assert.lengthOf(rows, count)
        assert.isFalse((yield* sessions).some(({ state }) => state === "active"))
        yield* isFine(connection)
      }
    }))

  test("a stream that is interrupted cancels the statement, before its first row and after", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const got = yield* Deferred.make<void>()
      for (const [sql, begun] of [
        ["SELECT pg_sleep(60)", until(sessions, (found) => found.some(({ query }) => query.includes("pg_sleep")))],
        [`SELECT 1 FROM ${endless}`, Deferred.await(got)]
      ] as const) {
        const running = yield* Effect.forkChild(
          Stream.runForEach(connection.stream(sql), () => Deferred.succeed(got, undefined))
        )
        yield* begun
        yield* Fiber.interrupt(running)
        assert.isFalse((yield* sessions).some(({ state }) => state === "active"))
        yield* isFine(connection)
      }
    }))

  test("an error in the middle of the rows comes after those before it", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      let rows = 0
      const error = yield* Effect.flip(
        Stream.runForEach(
          connection.stream("SELECT 1 / (5000 - n) AS x FROM generate_series(1, 10000) AS n", [], { chunkSize: 100 }),
          () => Effect.sync(() => rows++)
        )
      )
      assert.strictEqual(error.code, "22012")
      assert.isAtLeast(rows, 4900)
      assert.isAtMost(rows, 4999)
      yield* isFine(connection)
    }))

  test("an error of the statement, and what cannot be sent, are the stream's", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      assert.strictEqual((yield* Effect.flip(Stream.runCollect(connection.stream("nonsense")))).code, "42601")
      for (const stream of [
        connection.stream("SELECT \0"),
        connection.stream("SELECT $1", [{}]),
        connection.stream("SELECT $1::text", ["\0"]),
        connection.stream("COPY pg_class TO STDOUT")
      ]) {
        assert.strictEqual((yield* reasonOf(Stream.runCollect(stream)))._tag, "InvalidInput")
      }
      yield* isFine(connection)
    }))

  test("a failure of who takes cancels the statement", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const outcome = yield* Effect.exit(
        Stream.runForEach(connection.stream(`SELECT 1 FROM ${endless}`), () => Effect.fail("enough"))
      )
      assert.deepStrictEqual(outcome, Exit.fail("enough"))
      assert.isFalse((yield* sessions).some(({ state }) => state === "active"))
      yield* isFine(connection)
    }))

  test("of two streams on one connection the second waits for the end of the first", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const order: Array<string> = []
      const read = (name: string) =>
        Stream.runForEach(connection.stream("SELECT n FROM generate_series(1, 3000) AS n"), () =>
          Effect.sync(() => order.push(name))
        )
      yield* Effect.all([read("one"), read("two")], { concurrency: "unbounded" })
      assert.deepStrictEqual(order, [
        ...Array.from({ length: 3000 }, () => "one"),
        ...Array.from({ length: 3000 }, () => "two")
      ])
    }))

  test("statements of others wait for the end of a stream", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const got = yield* Deferred.make<void>()
      const more = yield* Deferred.make<void>()
      const stream = yield* Effect.forkChild(
        Stream.runForEach(connection.stream("SELECT n FROM generate_series(1, 10000) AS n"), () =>
          Effect.andThen(Deferred.succeed(got, undefined), Deferred.await(more))
        )
      )
      yield* Deferred.await(got)
      const other = yield* Effect.forkChild(connection.query("SELECT 1 AS one"), { startImmediately: true })
      yield* sessions
      assert.isUndefined(other.pollUnsafe())
      yield* Deferred.succeed(more, undefined)
      yield* Fiber.join(stream)
      assert.deepStrictEqual((yield* Fiber.join(other)).rows, [{ one: 1 }])
    }))

  test("a stream within a transaction sees it, and the transaction goes on", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("CREATE TEMPORARY TABLE t (x int)")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const held = yield* connection.hold
          yield* held.query("BEGIN")
          yield* held.query("INSERT INTO t SELECT generate_series(1, 5000)")
          assert.strictEqual(yield* Stream.runCount(held.stream("SELECT x FROM t")), 5000)
          assert.lengthOf(yield* Stream.runCollect(Stream.take(held.stream("SELECT x FROM t"), 5000)), 5000)
          yield* held.query("SAVEPOINT s")
          yield* Stream.runDrain(Stream.take(held.stream(`SELECT n FROM ${endless}`), 5))
          yield* held.query("ROLLBACK TO s")
          yield* held.query("COMMIT")
        })
      )
      assert.deepStrictEqual((yield* connection.query("SELECT count(*)::int AS count FROM t")).rows, [{ count: 5000 }])
    }))

  test("a stream can be pulled step by step, while time passes", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const scope = yield* Scope.make()
      const pull = yield* Scope.provide(
        Stream.toPull(connection.stream("SELECT n FROM generate_series(1, 25) AS n", [], { chunkSize: 10 })),
        scope
      )
      assert.lengthOf(yield* pull, 10)
      yield* sessions
      assert.isAtLeast((yield* pull).length, 1)
      yield* Scope.close(scope, Exit.void)
      yield* isFine(connection)
    }))

  test("a million rows stream in bounded memory", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const fill = "x".repeat(100)
      let rows = 0
      let most = 0
      const before = process.memoryUsage()
      yield* Stream.runForEachArray(
        connection.stream("SELECT n, repeat('x', 100) AS fill FROM generate_series(1, 1000000) AS n"),
        (chunk) =>
          Effect.sync(() => {
            rows += chunk.length
            assert.strictEqual(chunk[0]["fill"], fill)
            most = Math.max(most, process.memoryUsage.rss())
          })
      )
      assert.strictEqual(rows, 1_000_000)
      // All rows at once are far above 200 MB.
      assert.isBelow((most - before.rss) / 1e6, 150)
      yield* isFine(connection)
    }))

  test("a connection that is lost fails the stream after the rows that came", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      let rows = 0
      const error = yield* Effect.flip(
        Stream.runForEach(
          connection.stream(
            `SELECT CASE WHEN n = 3000 THEN pg_terminate_backend(pg_backend_pid()) END, n
             FROM (SELECT generate_series(1, 1000000) AS n) AS rows`
          ),
          () => Effect.sync(() => rows++)
        )
      )
      assert.strictEqual(error.reason._tag, "ConnectionLost")
      assert.strictEqual(error.code, "57P01")
      assert.isBelow(rows, 1_000_000)
      assert.isFalse(connection.isUsable())
    }))
})
