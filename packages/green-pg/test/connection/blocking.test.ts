/** Connections in a thread that the program blocks. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type FdIo, Green, type Wait, type WaitFd } from "green-core"
import { Libpq, PgConnection, type PgConnectionOptions, type PgConnectionShape, PgError } from "green-pg"
import { PostgresServer } from "green-pg/testing"
import { readdirSync } from "node:fs"
import { sharedServer } from "../support/postgres.ts"
import { type Driver, socketOf, tcpOf } from "./support/connecting.ts"

const server = Effect.runSync(Effect.provide(PostgresServer, sharedServer))

/** Runs a program with the thread blocked; what it has opened is closed at its end. */
const blocking = <A, E>(program: Effect.Effect<A, E, Libpq | Wait | WaitFd | FdIo | Scope.Scope>): A => {
  const before = readdirSync("/proc/self/fd").length
  try {
    return Green.runSync(program.pipe(Effect.scoped, Effect.provide(Libpq.layer({ path: server.libpq }))))
  } finally {
    // Of what ran before something may be closed meanwhile.
    assert.isAtMost(readdirSync("/proc/self/fd").length, before)
  }
}

describe.each(["libpq", "wire"] as const)("by %s", (driver: Driver) => {
  const connect = (options: PgConnectionOptions = socketOf(server)) => PgConnection.make({ ...options, driver })
  const isFine = (connection: PgConnectionShape) =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* connection.query("SELECT 1 AS one")).rows, [{ one: 1 }])
      assert.isTrue(connection.isUsable())
    })

  it("it connects and asks, also by the name of a host", () => {
    blocking(
      Effect.gen(function* () {
        for (const options of [socketOf(server), tcpOf(server), { ...tcpOf(server), host: "localhost" }]) {
          const connection = yield* connect(options)
          assert.strictEqual(connection.driver, driver)
          const { rows } = yield* connection.query("SELECT $1::text AS text, $2::int AS number", ["ä", 2])
          assert.deepStrictEqual(rows, [{ text: "ä", number: 2 }])
          assert.strictEqual((yield* Effect.flip(connection.query("SELECT 1/0"))).code, "22012")
        }
      })
    )
  })

  it("a connection that cannot be made is an error", () => {
    const error = blocking(Effect.flip(connect({ ...socketOf(server), database: "none" })))
    assert.instanceOf(error, PgError)
    assert.strictEqual(error.code, "3D000")
  })

  it("many fibers share a connection", () => {
    const answers = blocking(
      Effect.flatMap(connect(), (connection) =>
        Effect.forEach(
          Array.from({ length: 1000 }, (_, index) => index),
          (index) => connection.queryValues("SELECT $1::int", [index]),
          { concurrency: "unbounded" }
        )
      )
    )
    answers.forEach(({ rows }, index) => assert.deepStrictEqual(rows, [[index]]))
  })

  it("a statement that takes too long is cancelled", () => {
    blocking(
      Effect.gen(function* () {
        const connection = yield* connect()
        assert.strictEqual(
          (yield* Effect.timeoutOption(connection.query("SELECT pg_sleep(60)"), "20 millis"))._tag,
          "None"
        )
        yield* isFine(connection)
      })
    )
  })

  it("rows are streamed, and a stream may end early", () => {
    blocking(
      Effect.gen(function* () {
        const connection = yield* connect()
        assert.strictEqual(
          yield* Stream.runCount(connection.stream("SELECT n FROM generate_series(1, 20000) AS n")),
          20000
        )
        const endless = connection.stream("SELECT n FROM (SELECT generate_series(1, 1000000000) AS n) AS rows")
        assert.lengthOf(yield* Stream.runCollect(Stream.take(endless, 3)), 3)
        yield* isFine(connection)
      })
    )
  })

  it("data are copied in and out", () => {
    blocking(
      Effect.gen(function* () {
        const connection = yield* connect()
        yield* connection.script("CREATE TEMPORARY TABLE t (x int)")
        const lines = Buffer.from(Array.from({ length: 200_000 }, (_, index) => `${index}\n`).join(""))
        assert.strictEqual(yield* Stream.run(Stream.make(lines), connection.copyIn("COPY t FROM STDIN")), 200_000)
        const out = Buffer.concat(yield* Stream.runCollect(connection.copyOut("COPY t TO STDOUT")))
        assert.isTrue(out.equals(lines))
        const failing = Stream.concat(Stream.make(Buffer.from("1\n")), Stream.fail("no more"))
        assert.deepStrictEqual(
          yield* Effect.exit(Stream.run(failing, connection.copyIn("COPY t FROM STDIN"))),
          Exit.fail("no more")
        )
        yield* isFine(connection)
      })
    )
  })

  it("a connection hears what it says itself", () => {
    blocking(
      Effect.gen(function* () {
        const connection = yield* connect()
        const queue = yield* connection.listen("blocking news")
        const heard = yield* Effect.forkChild(Queue.take(queue))
        yield* connection.notify("blocking news", "heard")
        assert.strictEqual((yield* Fiber.join(heard)).payload, "heard")
        yield* isFine(connection)
      })
    )
  })

  it("a listener waits, with nothing else to do, for what another says", () => {
    blocking(
      Effect.gen(function* () {
        const [listener, speaker] = [yield* connect(), yield* connect()]
        const queue = yield* listener.listen("blocking news")
        yield* Effect.forkChild(Effect.delay(speaker.notify("blocking news", "late"), "20 millis"))
        assert.strictEqual((yield* Queue.take(queue)).payload, "late")
      })
    )
  })

  it("transactions are held, and rolled back", () => {
    blocking(
      Effect.gen(function* () {
        const connection = yield* connect()
        yield* connection.query("CREATE TEMPORARY TABLE t (x int)")
        yield* Effect.scoped(
          Effect.gen(function* () {
            const held = yield* connection.hold
            yield* held.pipeline([{ sql: "BEGIN" }, { sql: "INSERT INTO t VALUES (1)" }])
            assert.strictEqual(held.transaction, "in transaction")
          })
        )
        assert.deepStrictEqual((yield* connection.query("SELECT * FROM t")).rows, [])
      })
    )
  })
})
