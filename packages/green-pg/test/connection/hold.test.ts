/** Holding a connection: for a transaction, or for a session of one's own. */
import { assert } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { PgError } from "green-pg"
import { terminate } from "../support/postgres.ts"
import { eachDriver, reasonOf } from "./support/connecting.ts"

eachDriver(({ connect, test }) => {
  test("a holder has the connection alone: what others ask waits", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const order: Array<string> = []
      const asked = yield* Effect.scoped(
        Effect.gen(function* () {
          const held = yield* connection.hold
          yield* held.query("BEGIN")
          const asked = yield* Effect.forkChild(
            Effect.tap(connection.query("SELECT pg_current_xact_id_if_assigned()::text AS id"), () =>
              Effect.sync(() => order.push("other"))
            ),
            { startImmediately: true }
          )
          yield* held.query("SELECT pg_current_xact_id()")
          yield* held.query("SELECT 1")
          order.push("held")
          yield* held.query("COMMIT")
          return asked
        })
      )
      assert.deepStrictEqual((yield* Fiber.join(asked)).rows, [{ id: null }])
      assert.deepStrictEqual(order, ["held", "other"])
    }).pipe(Effect.scoped))

  test("who wants to hold it waits for what was asked before", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const order: Array<string> = []
      const before = yield* Effect.forkChild(
        Effect.tap(connection.query("SELECT pg_sleep(0.05)"), () => Effect.sync(() => order.push("before"))),
        { startImmediately: true }
      )
      yield* Effect.scoped(
        Effect.andThen(
          connection.hold,
          Effect.sync(() => order.push("held"))
        )
      )
      yield* Fiber.join(before)
      assert.deepStrictEqual(order, ["before", "held"])
    }))

  test("holders and statements have their turns in the order in which they came", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const order: Array<number> = []
      const say = (turn: number) => Effect.sync(() => order.push(turn))
      yield* Effect.forEach(
        Array.from({ length: 20 }, (_, turn) => turn),
        (turn) =>
          turn % 3 === 0
            ? Effect.scoped(
                Effect.gen(function* () {
                  const held = yield* connection.hold
                  yield* held.query("SELECT 1")
                  yield* say(turn)
                })
              )
            : Effect.andThen(connection.query("SELECT 1"), say(turn)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        order,
        Array.from({ length: 20 }, (_, turn) => turn)
      )
    }))

  test("to hold what is held is the same", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const held = yield* connection.hold
      yield* held.query("BEGIN")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const again = yield* held.hold
          assert.strictEqual(again, held)
        })
      )
      assert.strictEqual(held.transaction, "in transaction")
    }))

  test("many fibers of a holder use the connection at the same time", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const held = yield* connection.hold
      yield* held.query("BEGIN")
      const answers = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, index) => index),
        (index) => held.query("SELECT $1::int AS index, pg_current_xact_id()::text AS id", [index]),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(answers.map(({ rows }) => rows[0]?.["id"])).size, 1)
    }))

  test("a transaction that is open at the end is rolled back, whatever its state", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("CREATE TEMPORARY TABLE t (x int)")
      for (const last of ["SELECT 1", "SELECT 1/0"]) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const held = yield* connection.hold
            yield* held.query("BEGIN")
            yield* held.query("INSERT INTO t VALUES (1)")
            yield* Effect.ignore(held.query(last))
          })
        )
        assert.strictEqual(connection.transaction, "idle")
        assert.deepStrictEqual((yield* connection.query("SELECT * FROM t")).rows, [])
      }
      assert.isTrue(connection.isUsable())
    }))

  test("a holder that is interrupted in a statement rolls back, too", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("CREATE TEMPORARY TABLE t (x int)")
      const begun = yield* Deferred.make<void>()
      const holder = yield* Effect.forkChild(
        Effect.scoped(
          Effect.gen(function* () {
            const held = yield* connection.hold
            yield* held.query("BEGIN")
            yield* held.query("INSERT INTO t VALUES (1)")
            yield* Deferred.succeed(begun, undefined)
            yield* held.query("SELECT pg_sleep(60)")
          })
        )
      )
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(holder)
      assert.strictEqual(connection.transaction, "idle")
      assert.deepStrictEqual((yield* connection.query("SELECT * FROM t")).rows, [])
      assert.isTrue(connection.isUsable())
    }))

  test("who is interrupted while waiting to hold it takes the wish back", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* connection.hold
          const waiting = yield* Effect.forkChild(Effect.scoped(Effect.andThen(connection.hold, Effect.never)), {
            startImmediately: true
          })
          yield* Fiber.interrupt(waiting)
        })
      )
      assert.deepStrictEqual((yield* connection.query("SELECT 1 AS one")).rows, [{ one: 1 }])
      yield* Effect.scoped(connection.hold)
    }))

  test("a holder that was released can do nothing any more", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* connection.query("CREATE TEMPORARY TABLE t (x int)")
      const held = yield* Effect.scoped(connection.hold)
      const attempts = (): ReadonlyArray<Effect.Effect<unknown, unknown>> => [
        held.query("INSERT INTO t VALUES (1)"),
        held.queryValues("INSERT INTO t VALUES (1)"),
        held.script("INSERT INTO t VALUES (1)"),
        held.pipeline([{ sql: "INSERT INTO t VALUES (1)" }, { sql: "INSERT INTO t VALUES (1)" }]),
        Stream.runCollect(held.stream("INSERT INTO t VALUES (1) RETURNING x")),
        Stream.runCollect(held.copyOut("COPY t TO STDOUT")),
        Stream.run(Stream.make(Buffer.from("1\n")), held.copyIn("COPY t FROM STDIN")),
        Effect.scoped(held.listen("channel")),
        held.notify("channel"),
        held.reset,
        Effect.scoped(Effect.flatMap(held.hold, (again) => again.query("INSERT INTO t VALUES (1)")))
      ]
      const refused = Effect.forEach(attempts(), (attempt, index) =>
        Effect.map(Effect.flip(attempt), (error) => {
          assert.include(String(error), "the scope that held the connection has ended", `${index}`)
        })
      )
      yield* refused
      assert.isFalse(held.isUsable())
      yield* Effect.scoped(
        Effect.gen(function* () {
          const other = yield* connection.hold
          yield* refused
          assert.isFalse(held.isUsable())
          assert.isTrue(other.isUsable())
        })
      )
      assert.deepStrictEqual((yield* connection.query("SELECT * FROM t")).rows, [])
    }))

  test("a statement that is still on its way when the hold ends, ends the connection", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      const scope = yield* Scope.make()
      const held = yield* Scope.provide(connection.hold, scope)
      const left = yield* Effect.forkChild(held.query("SELECT pg_sleep(0.5)"), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      const reason = yield* reasonOf(Fiber.join(left))
      assert(reason._tag === "Closed")
      assert.include(reason.problem, "released while a statement was on its way")
      assert.isFalse(connection.isUsable())
    }))

  test("a connection that is lost while it is held fails the holder, and all who wait", () =>
    Effect.gen(function* () {
      const connection = yield* connect()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const held = yield* connection.hold
          const waiting = yield* Effect.forkChild(Effect.scoped(connection.hold), { startImmediately: true })
          const asked = yield* Effect.forkChild(connection.query("SELECT 1"), { startImmediately: true })
          yield* terminate(connection.processId)
          const failing: ReadonlyArray<Effect.Effect<unknown, PgError>> = [
            held.query("SELECT 1"),
            Fiber.join(waiting),
            Fiber.join(asked)
          ]
          for (const each of failing) assert.strictEqual((yield* Effect.flip(each)).code, "57P01")
        })
      )
      assert.isFalse(connection.isUsable())
    }))
})
