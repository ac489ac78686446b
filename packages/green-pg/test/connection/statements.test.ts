/** The statements that a connection keeps on the server. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { PgConnectionShape } from "green-pg"
import { eachDriver, until } from "./support/connecting.ts"

/** What the server keeps, by the order in which it was prepared. */
const kept = (connection: PgConnectionShape) =>
  Effect.map(
    connection.queryValues("SELECT statement FROM pg_prepared_statements ORDER BY prepare_time", [], {
      prepare: false
    }),
    ({ rows }) => rows.map(([statement]) => statement)
  )

eachDriver(({ connect, sessions, test }) => {
  test("a statement is prepared once, and used again", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      for (let number = 0; number < 5; number++) {
        const { rows } = yield* connection.query("SELECT $1::int AS number", [number])
        assert.deepStrictEqual(rows, [{ number }])
      }
      assert.deepStrictEqual(yield* kept(connection), ["SELECT $1::int AS number"])
    }))

  test("parameters of other types make another statement", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      for (const value of [1, 1.5, 1, "x", null, 2n, "y", 3]) yield* connection.query("SELECT $1::text", [value])
      assert.lengthOf(yield* kept(connection), 4)
    }))

  test("statements are kept up to the limit, and what was used least recently goes first", () =>
    Effect.gen(function* () {
      const connection = yield* connect({ preparedStatements: 3 })
      for (const number of [1, 2, 3, 1, 4, 5]) yield* connection.query(`SELECT ${number}`)
      assert.sameMembers(yield* kept(connection), ["SELECT 1", "SELECT 4", "SELECT 5"])
      yield* connection.query("SELECT 2")
      assert.sameMembers(yield* kept(connection), ["SELECT 2", "SELECT 4", "SELECT 5"])
    }))

  test("many fibers with many statements do not exceed the limit", () =>
    Effect.gen(function* () {
      const connection = yield* connect({ preparedStatements: 7 })
      for (let round = 0; round < 3; round++) {
        const answers = yield* Effect.forEach(
          Array.from({ length: 100 }, (_, index) => index),
          (index) => connection.query(`SELECT ${index % 20} AS n${index % 20}`),
          { concurrency: "unbounded" }
        )
        answers.forEach(({ rows }, index) => assert.deepStrictEqual(rows, [{ [`n${index % 20}`]: index % 20 }]))
        assert.isAtMost((yield* kept(connection)).length, 7)
      }
    }))

  test("with a limit of none nothing is kept", () =>
    Effect.gen(function* () {
      const connection = yield* connect({ preparedStatements: 0 })
      yield* connection.query("SELECT 1")
      assert.deepStrictEqual(yield* kept(connection), [])
    }))

  test("nothing is kept where the connection, or the statement, says so", () =>
    Effect.gen(function* () {
      const connection = yield* connect({ prepare: false })
      yield* connection.query("SELECT $1::int", [1])
      yield* connection.queryValues("SELECT 2")
      yield* connection.pipeline([{ sql: "SELECT 3" }, { sql: "SELECT 4" }])
      yield* connection.notify("nobody")
      yield* connection.loadTypes(["int4"])
      assert.deepStrictEqual(yield* kept(connection), [])
      yield* connection.query("SELECT 5", [], { prepare: true })
      assert.deepStrictEqual(yield* kept(connection), ["SELECT 5"])
      const other = yield* connect()
      yield* other.query("SELECT 6", [], { prepare: false })
      assert.deepStrictEqual(yield* kept(other), [])
    }))

  test("a statement that fails to be prepared is not kept, and is tried again", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      for (let round = 0; round < 2; round++) {
        const answers = yield* Effect.forEach([1, 2, 3], () => Effect.flip(connection.query("SELECT x FROM later")), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(
          answers.map(({ code }) => code),
          ["42P01", "42P01", "42P01"]
        )
      }
      yield* connection.query("CREATE TEMPORARY TABLE later (x int)")
      assert.deepStrictEqual((yield* connection.query("SELECT x FROM later")).rows, [])
    }))

  test("a statement whose result has changed is prepared anew", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("CREATE TEMPORARY TABLE changing (a int)")
      yield* connection.query("INSERT INTO changing VALUES (1)")
      assert.deepStrictEqual((yield* connection.query("SELECT * FROM changing")).rows, [{ a: 1 }])
      yield* connection.query("ALTER TABLE changing ADD b text DEFAULT 'x'")
      const answers = yield* Effect.forEach([1, 2, 3], () => connection.query("SELECT * FROM changing"), {
        concurrency: "unbounded"
      })
      for (const { fields, rows } of answers) {
        assert.deepStrictEqual(rows, [{ a: 1, b: "x" }])
        assert.lengthOf(fields, 2)
      }
      yield* connection.query("ALTER TABLE changing ALTER a TYPE text")
      assert.deepStrictEqual((yield* connection.query("SELECT * FROM changing")).rows, [{ a: "1", b: "x" }])
      yield* connection.query("ALTER TABLE changing DROP b")
      const [result] = yield* connection.pipeline([{ sql: "SELECT * FROM changing" }, { sql: "SELECT 1" }])
      assert.deepStrictEqual(result?.rows, [{ a: "1" }])
    }))

  test("statements that the server has lost are prepared anew", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("SELECT $1::int AS number", [1])
      yield* connection.query("DEALLOCATE ALL")
      const answers = yield* Effect.forEach([1, 2, 3], (n) => connection.query("SELECT $1::int AS number", [n]), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        answers.flatMap(({ rows }) => rows),
        [{ number: 1 }, { number: 2 }, { number: 3 }]
      )
      yield* connection.query("DEALLOCATE ALL")
      const [one] = yield* connection.pipeline([{ sql: "SELECT $1::int AS number", parameters: [4] }])
      assert.deepStrictEqual(one?.rows, [{ number: 4 }])
    }))

  test("within a transaction a statement is not tried again, since the error has ended that", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("CREATE TEMPORARY TABLE changing (a int)")
      yield* connection.query("SELECT * FROM changing")
      yield* connection.query("ALTER TABLE changing ADD b text")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const held = yield* connection.hold
          yield* held.query("BEGIN")
          const error = yield* Effect.flip(held.query("SELECT * FROM changing"))
          assert.strictEqual(error.code, "0A000")
          yield* held.query("ROLLBACK")
          yield* held.query("BEGIN")
          assert.lengthOf((yield* held.query("SELECT * FROM changing")).fields, 2)
        })
      )
    }))

  test("reset makes the session as new, and statements are prepared anew", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("SELECT $1::int AS number", [1])
      yield* connection.query("SET geqo TO off")
      yield* connection.query("CREATE TEMPORARY TABLE t ()")
      yield* connection.reset
      assert.deepStrictEqual(yield* kept(connection), [])
      assert.deepStrictEqual((yield* connection.query("SHOW geqo")).rows, [{ geqo: "on" }])
      assert.deepStrictEqual((yield* connection.query("SELECT to_regclass('t') AS t")).rows, [{ t: null }])
      assert.deepStrictEqual((yield* connection.query("SELECT $1::int AS number", [2])).rows, [{ number: 2 }])
      assert.sameMembers(yield* kept(connection), [
        "SHOW geqo",
        "SELECT to_regclass('t') AS t",
        "SELECT $1::int AS number"
      ])
    }))

  test("reset within a transaction is the server's error, and statements are kept", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("SELECT 1")
      yield* connection.query("BEGIN")
      assert.strictEqual((yield* Effect.flip(connection.reset)).code, "25001")
      yield* connection.query("ROLLBACK")
      assert.include(yield* kept(connection), "SELECT 1")
    }))

  test("a statement for which another had to go is cancelled like others", () =>
    Effect.gen(function* () {
      const connection = yield* connect({ preparedStatements: 1 })
      yield* connection.query("SELECT 1")
      const sleeping = yield* Effect.forkChild(connection.query("SELECT pg_sleep(60)"))
      yield* until(sessions, (found) => found.some(({ isAsleep }) => isAsleep))
      yield* Fiber.interrupt(sleeping)
      assert.isFalse((yield* sessions).some(({ state }) => state === "active"))
      assert.deepStrictEqual((yield* connection.query("SELECT 1 AS one")).rows, [{ one: 1 }])
    }))

  test("a statement that is taken back before it was sent leaves the connection usable, although another had to go", () =>
    Effect.gen(function* () {
      const connection = yield* connect({ preparedStatements: 1 })
      yield* connection.query("SELECT 1")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const held = yield* connection.hold
          const waiting = yield* Effect.forkChild(connection.query("SELECT 2"), { startImmediately: true })
          yield* Fiber.interrupt(waiting)
          yield* held.query("SELECT 3", [], { prepare: false })
        })
      )
      yield* Effect.scoped(Effect.flatMap(connection.hold, (held) => held.query("SELECT 4")))
      assert.isAtMost((yield* kept(connection)).length, 1)
    }))
})
