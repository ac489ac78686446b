/** What an interruption leaves: a connection whose state is known, here and on the server. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { PgConnectionShape } from "green-pg"
import { PostgresServer } from "green-pg/testing"
import { type Session, terminate } from "../support/postgres.ts"
import * as ChaosProxy from "../support/ChaosProxy.ts"
import { eachDriver, reasonOf, until } from "./support/connecting.ts"

const isSleeping = ({ isAsleep }: Session) => isAsleep

const answers = (connection: PgConnectionShape) =>
  Effect.gen(function* () {
    assert.deepStrictEqual((yield* connection.query("SELECT 1 AS one")).rows, [{ one: 1 }])
  })

const isFine = (connection: PgConnectionShape) =>
  Effect.gen(function* () {
    yield* answers(connection)
    assert.isTrue(connection.isUsable())
  })

eachDriver(({ connect, sessions, test }) => {
  const sleeping = until(sessions, (found) => found.some(isSleeping))

  test("a statement that runs is cancelled on the server, and the interruption waits for that", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const statements: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        connection.query("SELECT pg_sleep(60)"),
        connection.query("SELECT pg_sleep(60)", [], { prepare: false }),
        connection.queryValues("SELECT pg_sleep($1)", [60]),
        connection.script("SELECT 1; SELECT pg_sleep(60); SELECT 2")
      ]
      for (const statement of statements) {
        const running = yield* Effect.forkChild(statement)
        yield* sleeping
        yield* Fiber.interrupt(running)
        assert.isFalse((yield* sessions).some(({ state }) => state === "active"))
        yield* isFine(connection)
      }
    }))

  test("a statement that was not sent is taken back", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("CREATE TEMPORARY SEQUENCE taken")
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* connection.hold
          const waiting = yield* Effect.forkChild(connection.query("SELECT nextval('taken')"), {
            startImmediately: true
          })
          yield* Fiber.interrupt(waiting)
        })
      )
      assert.deepStrictEqual((yield* connection.query("SELECT nextval('taken') AS turn")).rows, [{ turn: 1n }])
      yield* isFine(connection)
    }))

  test("a time-out is an interruption", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const outcome = yield* Effect.timeoutOption(connection.query("SELECT pg_sleep(60)"), "20 millis")
      assert.strictEqual(outcome._tag, "None")
      assert.isFalse((yield* sessions).some(({ state }) => state === "active"))
      yield* isFine(connection)
    }))

  test("while others have asked something nothing is cancelled, and its answer is dropped", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("CREATE TEMPORARY TABLE done (x int)")
      const running = yield* Effect.forkChild(
        connection.query("WITH slept AS (SELECT pg_sleep(0.3)) INSERT INTO done SELECT 1 FROM slept")
      )
      yield* sleeping
      const other = yield* Effect.forkChild(connection.query("SELECT x FROM done"), { startImmediately: true })
      yield* sleeping
      yield* Fiber.interrupt(running)
      assert.isTrue((yield* sessions).some(isSleeping))
      assert.deepStrictEqual((yield* Fiber.join(other)).rows, [{ x: 1 }])
      yield* isFine(connection)
    }))

  test("when all that was asked is interrupted all is cancelled, in whatever order", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      for (const order of [
        [0, 1, 2],
        [2, 1, 0],
        [1, 0, 2]
      ]) {
        const running = yield* Effect.forEach([0, 1, 2], (number) =>
          Effect.forkChild(connection.query(`SELECT pg_sleep(60), ${number}`), { startImmediately: true })
        )
        yield* sleeping
        for (const index of order) {
          const fiber = running[index]
          if (fiber !== undefined) yield* Fiber.interrupt(fiber)
        }
        assert.isFalse((yield* sessions).some(({ state }) => state === "active"))
        // A request that came between two statements was ignored: then the connection is retired.
        yield* answers(connection)
      }
    }))

  test("all that was asked is interrupted at the same time", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const running = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 20 }), () => connection.query("SELECT pg_sleep(60)"), {
          concurrency: "unbounded"
        })
      )
      yield* sleeping
      yield* Fiber.interrupt(running)
      assert.isFalse((yield* sessions).some(({ state }) => state === "active"))
      // A request that came between two statements was ignored: then the connection is retired.
      yield* answers(connection)
    }))

  test("what is asked while a cancelled statement ends waits, and is not hit", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      for (let round = 0; round < 20; round++) {
        const running = yield* Effect.forkChild(connection.query("SELECT pg_sleep(60)"))
        yield* sleeping
        const [, answer] = yield* Effect.all(
          [Fiber.interrupt(running), connection.query("SELECT $1::int AS round", [round])],
          {
            concurrency: "unbounded"
          }
        )
        assert.deepStrictEqual(answer.rows, [{ round }])
      }
    }))

  test("two hundred cancellations that come too late hit nobody", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      for (let round = 0; round < 200; round++) {
        const running = yield* Effect.forkChild(connection.query("SELECT 1"), { startImmediately: true })
        if (round % 2 === 0) yield* Effect.yieldNow
        yield* Fiber.interrupt(running)
        assert.deepStrictEqual((yield* connection.query("SELECT $1::int AS round", [round])).rows, [{ round }])
      }
    }))

  test("what is interrupted at any moment leaves the connection in order", () =>
    Effect.gen(function* () {
      const connection = yield* connect({ preparedStatements: 3 })
      const one = (index: number): Effect.Effect<unknown, unknown> => {
        switch (index % 5) {
          case 0:
            return connection.query(`SELECT ${index % 11}, pg_sleep(0.001)`)
          case 1:
            return connection.query("SELECT * FROM generate_series(1, 3000)")
          case 2:
            return connection.pipeline([{ sql: `SELECT ${index % 7}` }, { sql: "SELECT pg_sleep(0.001)" }])
          case 3:
            return connection.script("SELECT 1; SELECT pg_sleep(0.001)")
          default:
            return Effect.ignore(connection.query("SELECT 1/0"))
        }
      }
      for (let round = 0; round < 60; round++) {
        const running = yield* Effect.forEach([0, 1, 2, 3].slice(round % 3), (offset) =>
          Effect.forkChild(one(round + offset), { startImmediately: true })
        )
        yield* Effect.sleep(round % 6)
        yield* Fiber.interruptAll(running)
        assert.deepStrictEqual((yield* connection.query("SELECT $1::int AS round", [round])).rows, [{ round }])
        assert.strictEqual(connection.transaction, "idle")
      }
    }))

  test("an answer that is under way is drained, however long it is", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const running = yield* Effect.forkChild(
        connection.query("SELECT repeat('x', 1000) FROM generate_series(1, 2000000)")
      )
      yield* until(sessions, (found) => found.some(({ query, state }) => state === "active" && /repeat/.test(query)))
      yield* Fiber.interrupt(running)
      assert.isFalse((yield* sessions).some(({ state }) => state === "active"))
      yield* isFine(connection)
    }))

  test("an interruption within a transaction leaves it failed", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("BEGIN")
      const running = yield* Effect.forkChild(connection.query("SELECT pg_sleep(60)"))
      yield* sleeping
      yield* Fiber.interrupt(running)
      assert.strictEqual(connection.transaction, "failed")
      yield* connection.query("ROLLBACK")
      yield* isFine(connection)
    }))

  test("a server that cannot be reached any more is given up after five seconds", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const proxy = yield* ChaosProxy.make(server)
      const connection = yield* connect({
        host: proxy.socketDirectory,
        port: proxy.port,
        username: server.user,
        database: "postgres"
      })
      const running = yield* Effect.forkChild(connection.query("SELECT pg_sleep(60)"))
      yield* sleeping
      yield* proxy.behave({ _tag: "BlackHole" })
      yield* Fiber.interrupt(running)
      assert.isFalse(connection.isUsable())
      const reason = yield* reasonOf(connection.query("SELECT 1"))
      assert(reason._tag === "ConnectionLost")
      assert.include(reason.problem, "within 5 seconds")
      yield* terminate(connection.processId)
    }))
})
