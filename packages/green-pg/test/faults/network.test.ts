/** What networks do, done by a proxy between the client and the server. */
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { PgConnection, type PgConnectionShape, PgError, PgPool } from "green-pg"
import { PostgresServer } from "green-pg/testing"
import { createDatabase } from "../support/postgres.ts"
import * as ChaosProxy from "../support/ChaosProxy.ts"
import { conversation } from "./support/conversation.ts"
import { type Driver, drivers, eachDriver, ends, mySessions, optionsOf, test, until } from "./support/world.ts"

/** A proxy, and how to connect through it. */
const through = (driver: Driver) =>
  Effect.gen(function* () {
    const proxy = yield* ChaosProxy.make(yield* PostgresServer)
    const options = { ...(yield* optionsOf(driver)), host: proxy.host, port: proxy.port, ssl: "disable" as const }
    return { proxy, options }
  })

/** Success, or the error of a connection that was lost or not made. */
const assertLost = (exit: Exit.Exit<unknown, PgError>, what: string): void => {
  if (Exit.isSuccess(exit)) return
  const error = Cause.squash(exit.cause)
  assert.instanceOf(error, PgError, `${what}: ${Cause.pretty(exit.cause)}`)
  if (!(error instanceof PgError)) return
  assert.include(["ConnectFailed", "ConnectionLost"], error.reason._tag, `${what}: ${error.message}`)
}

eachDriver((driver) => {
  test("every byte by itself: nothing is different", () =>
    Effect.gen(function* () {
      const { options, proxy } = yield* through(driver)
      yield* proxy.behave({ _tag: "Split" })
      const connection = yield* PgConnection.make(options)
      assert.strictEqual(connection.driver, driver)
      yield* conversation(connection)
    }))

  test("every chunk late: nothing is different", () =>
    Effect.gen(function* () {
      const { options, proxy } = yield* through(driver)
      yield* proxy.behave({ _tag: "Delay", milliseconds: 3 })
      const connection = yield* PgConnection.make(options)
      yield* conversation(connection)
    }))

  for (const direction of ["toClient", "toServer"] as const) {
    for (const close of ["end", "reset"] as const) {
      test(`connecting is cut (${close}) after n bytes ${direction}, for every third n: a typed error or success`, () =>
        Effect.gen(function* () {
          const { options, proxy } = yield* through(driver)
          yield* Effect.scoped(PgConnection.make(options))
          const { [direction]: total } = yield* proxy.until(({ open }) => open === 0)
          let failures = 0
          for (let after = 0; after <= total; after += 3) {
            yield* proxy.behave({ _tag: "Truncate", direction, after, close })
            const exit = yield* ends(`after ${after}`, Effect.exit(Effect.scoped(PgConnection.make(options))))
            assertLost(exit, `after ${after}`)
            if (Exit.isFailure(exit)) failures++
          }
          // The goodbye is in the total; what is cut off it nobody misses.
          assert.isAtLeast(failures, direction === "toClient" ? Math.floor(total / 3) : Math.floor(total / 3) - 4)
          yield* proxy.behave({ _tag: "Pass" })
          yield* conversation(yield* PgConnection.make(options))
        }))

      test(`a query is cut (${close}) after n bytes ${direction}, for every n: a typed error or its rows`, () =>
        Effect.gen(function* () {
          const { options, proxy } = yield* through(driver)
          const query = (connection: PgConnectionShape) =>
            Effect.map(
              connection.query("SELECT i, 'x' AS x FROM generate_series(1, 2) i", [], { prepare: false }),
              ({ rows }) => rows
            )
          const rows = [
            { i: 1, x: "x" },
            { i: 2, x: "x" }
          ]
          const total = yield* Effect.scoped(
            Effect.gen(function* () {
              const connection = yield* PgConnection.make(options)
              const before = yield* proxy.counts
              assert.deepStrictEqual(yield* query(connection), rows)
              const after = yield* proxy.counts
              return after[direction] - before[direction]
            })
          )
          let failures = 0
          for (let after = 0; after <= total; after++) {
            yield* Effect.scoped(
              Effect.gen(function* () {
                yield* proxy.behave({ _tag: "Pass" })
                const connection = yield* PgConnection.make(options)
                yield* proxy.behave({ _tag: "Truncate", direction, after, close })
                const exit = yield* ends(`after ${after}`, Effect.exit(query(connection)))
                assertLost(exit, `after ${after}`)
                if (Exit.isSuccess(exit)) assert.deepStrictEqual(exit.value, rows)
                else failures++
                if (Exit.isFailure(exit)) assert.isFalse(connection.isUsable())
              })
            )
          }
          assert.isAtLeast(failures, direction === "toClient" ? total - 1 : total - 8)
        }))
    }
  }

  test("a reset in the middle of a large result: a typed error, and the pool goes on", () =>
    Effect.gen(function* () {
      const { options, proxy } = yield* through(driver)
      const pool = yield* PgPool.make({ ...options, maxConnections: 1 })
      for (const after of [100, 10_000, 1_000_000]) {
        const exit = yield* pool
          .use((connection) =>
            Effect.andThen(
              proxy.behave({ _tag: "Truncate", direction: "toClient", after, close: "reset" }),
              connection.query("SELECT repeat('x', 1000) FROM generate_series(1, 10000)")
            )
          )
          .pipe(Effect.exit)
        assert.isTrue(Exit.isFailure(exit))
        assertLost(exit, `after ${after}`)
        yield* proxy.behave({ _tag: "Pass" })
        assert.strictEqual((yield* pool.use((connection) => connection.query("SELECT 1"))).rowCount, 1)
      }
    }))

  test("a reset in the middle of a COPY from the client: a typed error, nothing is copied, and the pool goes on", () =>
    Effect.gen(function* () {
      const { options, proxy } = yield* through(driver)
      const database = yield* createDatabase()
      const pool = yield* PgPool.make({ ...options, database, maxConnections: 1 })
      yield* pool.use((connection) => connection.query("CREATE TABLE kept (value text)"))
      const line = new TextEncoder().encode(`${"x".repeat(9_999)}\n`)
      for (const after of [0, 100, 1_000_000]) {
        const exit = yield* pool
          .use((connection) =>
            Effect.andThen(
              proxy.behave({ _tag: "Truncate", direction: "toServer", after, close: "reset" }),
              Stream.run(
                Stream.fromIterable(Array.from({ length: 1000 }, () => line)),
                connection.copyIn("COPY kept FROM STDIN")
              )
            )
          )
          .pipe(Effect.exit)
        assert.isTrue(Exit.isFailure(exit))
        assertLost(exit, `after ${after}`)
        yield* proxy.behave({ _tag: "Pass" })
        const { rows } = yield* pool.use((connection) => connection.query("SELECT value FROM kept"))
        assert.deepStrictEqual(rows, [])
      }
    }))

  test("a black hole while it connects: the time limit ends it, and so does interruption", () =>
    Effect.gen(function* () {
      const { options, proxy } = yield* through(driver)
      yield* proxy.behave({ _tag: "BlackHole" })
      const limited = yield* Effect.flip(Effect.scoped(PgConnection.make({ ...options, connectTimeout: "50 millis" })))
      assert.strictEqual(limited.reason._tag, "ConnectFailed")
      const { accepted } = yield* proxy.counts
      const connecting = yield* Effect.forkChild(Effect.scoped(PgConnection.make(options)))
      yield* proxy.until((counts) => counts.accepted > accepted)
      yield* ends("interrupting", Fiber.interrupt(connecting))
      // What ends in a black hole the proxy does not see.
      yield* proxy.behave({ _tag: "Pass" })
      yield* proxy.until(({ open }) => open === 0)
    }))

  test("bytes that are no message: the connection is given up, idle or not, and the pool goes on", () =>
    Effect.gen(function* () {
      const { options, proxy } = yield* through(driver)
      const pool = yield* PgPool.make({ ...options, maxConnections: 1 })
      const garbage = [
        Uint8Array.from({ length: 64 }, () => 0xff),
        // a row that nobody asked for, a type that is none, lengths that are none
        Uint8Array.from([0x44, 0, 0, 0, 6, 0, 0]),
        Uint8Array.from([0x01, 0, 0, 0, 4]),
        Uint8Array.from([0x5a, 0, 0, 0, 3, 0x49]),
        Uint8Array.from([0x43, 0x7f, 0xff, 0xff, 0xff, 0x49]),
        new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n")
      ]
      for (const [index, bytes] of garbage.entries()) {
        const exit = yield* pool.use((connection) =>
          Effect.gen(function* () {
            const running = yield* Effect.forkChild(connection.query("SELECT pg_sleep(0.5)"))
            yield* until(mySessions, (found) => found.some(({ state }) => state === "active"))
            yield* proxy.inject(bytes)
            return yield* ends(`garbage ${index} while it queries`, Fiber.await(running))
          })
        )
        assert.isTrue(Exit.isFailure(exit), `garbage ${index}`)
        if (Exit.isFailure(exit)) {
          const error = Cause.squash(exit.cause)
          assert.instanceOf(error, PgError)
          if (error instanceof PgError) assert.include(["ProtocolViolation", "ConnectionLost"], error.reason._tag)
        }
        yield* pool.use((connection) => connection.query("SELECT 1"))
        yield* proxy.inject(bytes)
        // libpq leaves out what it can while it is idle, as a notice.
        const { rows } = yield* ends(
          `garbage ${index} while it is idle`,
          pool.use((connection) => connection.query("SELECT 1 AS one"))
        )
        assert.deepStrictEqual(rows, [{ one: 1 }])
      }
    }))

  test("a server that is none: connecting fails, whatever it says", () =>
    Effect.gen(function* () {
      const { options, proxy } = yield* through(driver)
      const says = ["", "HTTP/1.1 400 Bad Request\r\n\r\n", "\u0000".repeat(100), "E\u0000\u0000", "Rxxxxxxxxxxxxxxxxx"]
      for (const text of says) {
        yield* proxy.behave({ _tag: "BlackHole" })
        const { accepted } = yield* proxy.counts
        const connecting = yield* Effect.forkChild(Effect.exit(Effect.scoped(PgConnection.make(options))))
        yield* proxy.until((counts) => counts.accepted > accepted)
        yield* proxy.inject(new TextEncoder().encode(text))
        yield* proxy.cut("end")
        const exit = yield* ends(`it says ${JSON.stringify(text)}`, Fiber.join(connecting))
        assert.isTrue(Exit.isFailure(exit), text)
        assertLost(exit, text)
      }
    }))
})

test("a black hole while it queries, by each driver: interruption tries to cancel for five seconds, and gives the connection up", () =>
  // At the same time, since it takes that long.
  Effect.forEach(
    drivers,
    (driver) =>
      Effect.gen(function* () {
        const { options, proxy } = yield* through(driver)
        const pool = yield* PgPool.make({ ...options, maxConnections: 1 })
        yield* pool.use((connection) => connection.query("SELECT 1"))
        yield* proxy.behave({ _tag: "BlackHole" })
        const before = performance.now()
        const answer = yield* ends(
          "the time limit",
          Effect.timeoutOption(
            pool.use((connection) => connection.query("SELECT 2")),
            "20 millis"
          )
        )
        assert.strictEqual(answer._tag, "None", driver)
        assert.isAtLeast(performance.now() - before, 4_900, driver)
        yield* proxy.behave({ _tag: "Pass" })
        assert.strictEqual((yield* pool.use((connection) => connection.query("SELECT 3"))).rowCount, 1)
      }),
    { concurrency: "unbounded", discard: true }
  ))
