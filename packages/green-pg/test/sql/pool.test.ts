/** The pool: how many connections there are, which are handed out, and in which state. */
import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { WaitFd } from "green-core"
import type { PgConnectionShape, PgError } from "green-pg"
import { type Session, terminate } from "../support/postgres.ts"
import { Database, drivers, makePool } from "./support/client.ts"
import { openDescriptors, pid, sleep, borrowAtOnce, untilSessions, untilWaiting, suite } from "./support/pool.ts"

describe.each(drivers)("a pool (%s)", (driver) => {
  layer(suite, { excludeTestServices: true })((it) => {
    it.effect("connects when something is asked for, and opens no more connections than it may", () =>
      Effect.gen(function* () {
        const pool = yield* makePool({ driver, maxConnections: 3 })
        yield* untilSessions(0)
        const pids = yield* borrowAtOnce(pool, 3)
        assert.strictEqual(new Set(pids).size, 3)
        const more = yield* Effect.forEach(
          Array.from({ length: 20 }, () => 0.001),
          (seconds) => pool.use((connection) => sleep(connection, seconds)),
          { concurrency: "unbounded" }
        )
        assert.includeMembers(pids, more)
        assert.strictEqual((yield* (yield* Database).sessions).length, 3)
        assert.deepInclude(yield* pool.stats, { idle: 3, used: 0, pending: 0, max: 3, min: 0 })
      })
    )

    it.effect("uses the connection that it has, one after the other", () =>
      Effect.gen(function* () {
        const pool = yield* makePool({ driver })
        const pids = yield* Effect.forEach([1, 2, 3], () => pid(pool))
        assert.strictEqual(new Set(pids).size, 1)
      })
    )

    for (const multiplex of [false, true]) {
      const name = `(multiplex: ${multiplex})`

      it.effect(`does not hand out a connection that the server has closed ${name}`, () =>
        Effect.gen(function* () {
          const pool = yield* makePool({ driver, multiplex, maxConnections: 1 })
          const ways: ReadonlyArray<Effect.Effect<number, PgError, Scope.Scope>> = [
            pid(pool),
            Effect.map(pool.get, ({ processId }) => processId),
            Effect.map(pool.reserve, ({ processId }) => processId),
            pool.use((connection) => sleep(connection, 0))
          ]
          for (const way of ways) {
            const killed = yield* pid(pool)
            yield* terminate(killed)
            assert.notStrictEqual(yield* Effect.scoped(way), killed)
          }
          assert.deepInclude(yield* pool.stats, { idle: 1, used: 0 })
        })
      )

      it.effect(`gives a reserved connection to one alone, and then to all again ${name}`, () =>
        Effect.gen(function* () {
          const pool = yield* makePool({ driver, multiplex, maxConnections: 1 })
          const first = yield* pid(pool)
          const order: Array<string> = []
          const scope = yield* Scope.make()
          const reserved = yield* Scope.provide(pool.reserve, scope)
          assert.strictEqual(reserved.processId, first)
          const other = yield* Effect.forkChild(
            Effect.tap(pid(pool), () => Effect.sync(() => order.push("other"))),
            { startImmediately: true }
          )
          yield* untilWaiting(pool, 1)
          yield* reserved.query("SELECT 1")
          order.push("reserved")
          yield* Scope.close(scope, Exit.void)
          assert.strictEqual(yield* Fiber.join(other), first)
          assert.deepStrictEqual(order, ["reserved", "other"])
          assert.strictEqual(yield* Effect.scoped(Effect.map(pool.reserve, ({ processId }) => processId)), first)
          assert.strictEqual(yield* pid(pool), first)
        })
      )

      it.effect(`rolls back what a reserved connection left open ${name}`, () =>
        Effect.gen(function* () {
          const pool = yield* makePool({ driver, multiplex, maxConnections: 1 })
          const first = yield* pool.use((connection) =>
            Effect.as(connection.query("CREATE TABLE IF NOT EXISTS left_open (id int)"), connection.processId)
          )
          yield* Effect.scoped(
            Effect.gen(function* () {
              const connection = yield* pool.reserve
              yield* connection.script("BEGIN; INSERT INTO left_open VALUES (1)")
              assert.strictEqual(connection.transaction, "in transaction")
            })
          )
          const after = yield* pool.use((connection) =>
            Effect.map(connection.query("SELECT count(*)::int FROM left_open"), ({ rows }) => ({
              rows,
              transaction: connection.transaction,
              pid: connection.processId
            }))
          )
          assert.deepStrictEqual(after, { rows: [{ count: 0 }], transaction: "idle", pid: first })
        })
      )

      it.effect(`makes a reserved connection as new with resetOnReturn, and its statements go on ${name}`, () =>
        Effect.gen(function* () {
          const pool = yield* makePool({ driver, multiplex, maxConnections: 1, resetOnReturn: true })
          const asked = (connection: PgConnectionShape) =>
            Effect.map(
              connection.query(
                "SELECT current_setting('application_name') <> $1 AS kept, to_regclass('pg_temp.mine') IS NULL AS gone",
                ["changed"]
              ),
              ({ rows }) => rows
            )
          const first = yield* Effect.scoped(
            Effect.gen(function* () {
              const connection = yield* pool.reserve
              yield* connection.query("SET application_name = 'changed'")
              yield* connection.query("CREATE TEMP TABLE mine (id int)")
              assert.deepStrictEqual(yield* asked(connection), [{ kept: false, gone: false }])
              yield* connection.query("BEGIN")
              return connection.processId
            })
          )
          assert.deepStrictEqual(yield* pool.use(asked), [{ kept: true, gone: true }])
          assert.strictEqual(yield* pid(pool), first)
        })
      )

      it.effect(`lets those be interrupted who wait for a connection ${name}`, () =>
        Effect.gen(function* () {
          const pool = yield* makePool({ driver, multiplex, maxConnections: 1 })
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* pool.reserve
              const waiting = yield* Effect.forEach([1, 2, 3, 4, 5], () =>
                Effect.forkChild(pid(pool), { startImmediately: true })
              )
              yield* untilWaiting(pool, 5)
              yield* Fiber.interruptAll(waiting)
              assert.strictEqual((yield* pool.stats).pending, 0)
            })
          )
          assert.isAbove(yield* pid(pool), 0)
        })
      )

      it.effect(`lets those on who wait behind a reserved connection that dies ${name}`, () =>
        Effect.gen(function* () {
          const pool = yield* makePool({ driver, multiplex, maxConnections: 1 })
          const reserved = yield* pool.reserve
          const waiting = yield* Effect.forkChild(pid(pool), { startImmediately: true })
          yield* untilWaiting(pool, 1)
          const error = yield* Effect.flip(
            reserved.query("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(600)")
          )
          assert.strictEqual(error.code, "57P01")
          assert.notStrictEqual(yield* Fiber.join(waiting), reserved.processId)
        })
      )

      it.effect(`takes a connection back after success, failure and interruption ${name}`, () =>
        Effect.gen(function* () {
          const pool = yield* makePool({ driver, multiplex, maxConnections: 1 })
          const first = yield* pid(pool)
          assert.propertyVal(
            yield* Effect.flip(pool.use((connection) => connection.query("SELECT nope"))),
            "code",
            "42703"
          )
          assert.strictEqual(yield* Effect.flip(pool.use(() => Effect.fail("mine"))), "mine")
          const { sessions } = yield* Database
          const running = yield* Effect.forkChild(pool.use((connection) => sleep(connection, 600)))
          // The sessions of a test before this one may be there for a while.
          const sleeps = ({ isAsleep, processId }: Session) => processId === first && isAsleep
          while (!(yield* sessions).some(sleeps)) yield* Effect.yieldNow
          yield* Fiber.interrupt(running)
          assert.strictEqual(yield* pid(pool), first)
          assert.deepInclude(yield* pool.stats, { idle: 1, used: 0, pending: 0 })
        })
      )

      it.effect(`fails what is on its way when its scope ends, and leaves nothing behind ${name}`, () =>
        Effect.gen(function* () {
          const { sessions } = yield* Database
          yield* untilSessions(0)
          const before = { descriptors: openDescriptors(), waiting: yield* WaitFd.statistics }
          const scope = yield* Scope.make()
          const pool = yield* Scope.provide(makePool({ driver, multiplex, maxConnections: 2 }), scope)
          const running = yield* Effect.forEach([1, 2, 3], () =>
            Effect.forkChild(Effect.exit(pool.use((connection) => sleep(connection, 600))), { startImmediately: true })
          )
          while (!(yield* sessions).some(({ state }) => state === "active")) yield* Effect.yieldNow
          const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
          yield* Fiber.interruptAll(running)
          yield* Fiber.join(closing)
          yield* untilSessions(0)
          assert.deepStrictEqual({ descriptors: openDescriptors(), waiting: yield* WaitFd.statistics }, before)
        })
      )
    }

    it.effect("does not hand out a connection on which somebody has begun a transaction and left it", () =>
      Effect.gen(function* () {
        const pool = yield* makePool({ driver, maxConnections: 1 })
        for (const leave of ["BEGIN", "BEGIN; SELECT 1 / 0"]) {
          const left = yield* pool.use((connection) =>
            Effect.as(Effect.ignore(connection.script(leave)), connection.processId)
          )
          const after = yield* pool.use(({ processId, transaction }) => Effect.succeed({ processId, transaction }))
          assert.notStrictEqual(after.processId, left)
          assert.strictEqual(after.transaction, "idle")
        }
      })
    )

    it.effect("shares a connection among as many as multiplex says, and opens another for more", () =>
      Effect.gen(function* () {
        const used = (multiplex: boolean | number, fibers: number) =>
          Effect.scoped(
            Effect.gen(function* () {
              const pool = yield* makePool({ driver, multiplex, maxConnections: 4 })
              const pids = yield* borrowAtOnce(pool, fibers)
              return new Set(pids).size
            })
          )
        assert.strictEqual(yield* used(true, 32), 1)
        assert.strictEqual(yield* used(true, 33), 2)
        assert.strictEqual(yield* used(2, 8), 4)
        assert.strictEqual(yield* used(false, 4), 4)
      })
    )

    it.effect("streams on a reserved connection while others go on", () =>
      Effect.gen(function* () {
        const pool = yield* makePool({ driver, multiplex: true, maxConnections: 2 })
        const doubled = yield* Stream.unwrap(
          Effect.map(pool.reserve, (connection) => connection.stream("SELECT generate_series(1, 5) AS n"))
        ).pipe(
          Stream.mapEffect(({ n }) => pool.use((other) => other.query("SELECT $1::int * 2 AS d", [n]))),
          Stream.runCollect
        )
        assert.deepStrictEqual(
          doubled.map(({ rows }) => rows[0]?.["d"]),
          [2, 4, 6, 8, 10]
        )
      })
    )
  })
})
