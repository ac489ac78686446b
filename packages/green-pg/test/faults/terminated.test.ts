/** Sessions that the server ends, whatever they are at. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { type PgConnectionShape, PgError, PgPool } from "green-pg"
import { administer, createDatabase, terminate } from "../support/postgres.ts"
import {
  type Driver,
  connect,
  eachDriver,
  ends,
  isOpen,
  mySessions,
  Named,
  open,
  optionsOf,
  test,
  until
} from "./support/world.ts"

/** It was told by the server that it is ended. */
const assertTerminated = (error: unknown): void => {
  assert.instanceOf(error, PgError)
  if (!(error instanceof PgError)) return
  assert.strictEqual(error.reason._tag, "ConnectionLost", error.message)
  assert.strictEqual(error.code, "57P01", error.message)
}

const poolOf = (driver: Driver, maxConnections: number) =>
  Effect.flatMap(optionsOf(driver), (options) => PgPool.make({ ...options, maxConnections }))

/** Until the server runs a statement that begins so. */
const runs = (start: string) =>
  until(mySessions, (found) => found.some(({ query, state }) => state === "active" && query.startsWith(start)))

const assertUnusable = (connection: PgConnectionShape) =>
  Effect.gen(function* () {
    assert.isFalse(connection.isUsable())
    const again = yield* Effect.flip(connection.query("SELECT 1"))
    assert.strictEqual(again.reason._tag, "ConnectionLost")
    assert.strictEqual(connection.transaction, "unknown")
  })

eachDriver((driver) => {
  test("while it is idle: it is found before it is handed out, each time", () =>
    Effect.gen(function* () {
      const base = yield* open
      const pool = yield* poolOf(driver, 2)
      for (let round = 0; round < 5; round++) {
        const processes = yield* Effect.scoped(
          Effect.map(Effect.all([pool.reserve, pool.reserve]), (both) => both.map(({ processId }) => processId))
        )
        yield* terminate(...processes)
        const answers = yield* Effect.all([
          pool.use((one) => one.query("SELECT 1")),
          pool.use((one) => one.query("SELECT 1"))
        ])
        assert.deepStrictEqual(
          answers.map(({ rowCount }) => rowCount),
          [1, 1]
        )
      }
      // Those that were not found yet are found when they are needed.
      yield* Effect.scoped(Effect.andThen(pool.reserve, pool.reserve))
      yield* isOpen({ ...base, open: base.open + 2, leased: base.leased + 2 }, "what the pool has open")
    }))

  test("while a statement runs, and others wait behind it: all of them hear it, and the pool goes on", () =>
    Effect.gen(function* () {
      const pool = yield* poolOf(driver, 1)
      const failed = yield* pool.use((connection) =>
        Effect.gen(function* () {
          const running = yield* Effect.forkChild(
            Effect.all(
              ["SELECT pg_sleep(60)", "SELECT 2", "SELECT 3"].map((sql) => Effect.flip(connection.query(sql))),
              { concurrency: "unbounded" }
            )
          )
          yield* runs("SELECT pg_sleep")
          yield* terminate(connection.processId)
          const errors = yield* Fiber.join(running)
          yield* assertUnusable(connection)
          return errors
        })
      )
      assert.strictEqual(failed.length, 3)
      failed.forEach(assertTerminated)
      assert.strictEqual((yield* pool.use((connection) => connection.query("SELECT 1"))).rowCount, 1)
    }))

  test("in a transaction: the next statement fails, nothing of it has happened, and the pool goes on", () =>
    Effect.gen(function* () {
      const database = yield* createDatabase()
      const pool = yield* PgPool.make({ ...(yield* optionsOf(driver)), database, maxConnections: 1 })
      yield* pool.use((connection) => connection.query("CREATE TABLE kept (value int)"))
      yield* Effect.scoped(
        Effect.gen(function* () {
          const connection = yield* pool.reserve
          yield* connection.query("BEGIN")
          yield* connection.query("INSERT INTO kept VALUES (1)")
          yield* terminate(connection.processId)
          assertTerminated(yield* Effect.flip(connection.query("INSERT INTO kept VALUES (2)")))
          yield* assertUnusable(connection)
        })
      )
      const { rows } = yield* pool.use((connection) => connection.query("SELECT value FROM kept"))
      assert.deepStrictEqual(rows, [])
    }))

  test("in the middle of rows: the stream gives those that had come, and fails", () =>
    Effect.gen(function* () {
      const pool = yield* poolOf(driver, 1)
      let rows = 0
      const error = yield* pool.use((connection) =>
        connection.stream("SELECT repeat('x', 1000) FROM generate_series(1, 1000000)", [], { chunkSize: 100 }).pipe(
          Stream.tap(() => (++rows === 150 ? terminate(connection.processId) : Effect.void)),
          Stream.runDrain,
          Effect.flip
        )
      )
      // To a client that does not read, the server says no last word.
      assert.strictEqual(error.reason._tag, "ConnectionLost", error.message)
      assert.isAtLeast(rows, 150)
      assert.isBelow(rows, 1_000_000)
      assert.strictEqual((yield* pool.use((connection) => connection.query("SELECT 1"))).rowCount, 1)
    }))

  test("in the middle of a COPY to the client", () =>
    Effect.gen(function* () {
      const pool = yield* poolOf(driver, 1)
      let pieces = 0
      const error = yield* pool.use((connection) =>
        connection.copyOut("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 1000000)) TO STDOUT").pipe(
          Stream.tap(() => (++pieces === 10 ? terminate(connection.processId) : Effect.void)),
          Stream.runDrain,
          Effect.flip
        )
      )
      assert.strictEqual(error.reason._tag, "ConnectionLost", error.message)
      assert.strictEqual((yield* pool.use((connection) => connection.query("SELECT 1"))).rowCount, 1)
    }))

  test("in the middle of a COPY from the client, which keeps sending: nothing is copied", () =>
    Effect.gen(function* () {
      const database = yield* createDatabase()
      const pool = yield* PgPool.make({ ...(yield* optionsOf(driver)), database, maxConnections: 1 })
      yield* pool.use((connection) => connection.query("CREATE TABLE kept (value text)"))
      const line = new TextEncoder().encode(`${"x".repeat(9_999)}\n`)
      const error = yield* pool.use((connection) => {
        let sent = 0
        const source = Stream.fromEffectRepeat(
          Effect.suspend(() => Effect.as(++sent === 100 ? terminate(connection.processId) : Effect.void, line))
        )
        return Effect.flip(Stream.run(source, connection.copyIn("COPY kept FROM STDIN")))
      })
      // What is written to a socket that is closed at the other end may destroy the server's last word.
      assert.strictEqual(error.reason._tag, "ConnectionLost", error.message)
      const { rows } = yield* pool.use((connection) => connection.query("SELECT value FROM kept"))
      assert.deepStrictEqual(rows, [])
    }))

  test("while it listens: the queue gives what had come, and fails", () =>
    Effect.gen(function* () {
      const connection = yield* connect(driver)
      // Others use the database, too.
      const channel = yield* Named
      const heard = yield* connection.listen(channel)
      yield* administer("SELECT pg_notify($1, 'first')", [channel])
      const { payload } = yield* Queue.take(heard)
      assert.strictEqual(payload, "first")
      yield* terminate(connection.processId)
      assertTerminated(yield* ends("listening", Effect.flip(Queue.take(heard))))
      yield* assertUnusable(connection)
    }))

  test("while it is held and somebody waits for it: both hear it", () =>
    Effect.gen(function* () {
      const connection = yield* connect(driver)
      const held = yield* connection.hold
      const waiting = yield* Effect.forkChild(Effect.flip(Effect.scoped(connection.hold)), { startImmediately: true })
      const asking = yield* Effect.forkChild(Effect.flip(connection.query("SELECT 1")), { startImmediately: true })
      yield* terminate(connection.processId)
      assertTerminated(yield* Effect.flip(held.query("SELECT 1")))
      assertTerminated(yield* Fiber.join(waiting))
      assertTerminated(yield* Fiber.join(asking))
    }))

  test("as it is being cancelled: interruption ends, and the pool goes on", () =>
    Effect.gen(function* () {
      const pool = yield* poolOf(driver, 1)
      for (let round = 0; round < 10; round++) {
        const running = yield* Effect.forkChild(
          pool.use((connection) => connection.query("SELECT pg_sleep(60), $1::text", [`round ${round}`]))
        )
        const [{ processId = 0 } = {}] = yield* Effect.map(runs("SELECT pg_sleep"), (found) =>
          found.filter(({ state }) => state === "active")
        )
        yield* ends(
          "interrupting",
          Effect.all([Fiber.interrupt(running), terminate(processId)], { concurrency: "unbounded" })
        )
        assert.strictEqual((yield* pool.use((connection) => connection.query("SELECT 1"))).rowCount, 1)
      }
    }))
})
