/**
 * Whatever happens at whichever wait: an operation gives the error that was injected, or succeeds; and the pool under it
 * has all of its connections afterwards.
 */
import { afterAll, assert, beforeAll, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { PgConnection, type PgConnectionOptions, type PgError, PgPool, type PgPoolShape } from "green-pg"
import { PostgresServer } from "green-pg/testing"
import { createDatabase, sharedServer } from "../../support/postgres.ts"
import { type Fault, faults, make } from "./everyWait.ts"
import { type Driver, isOpen, mySessions, open, openSsl, optionsOf, test, until, type World } from "./world.ts"

const size = 3

const operations: Readonly<Record<string, (pool: PgPoolShape) => Effect.Effect<unknown, PgError, World>>> = {
  "a query": (pool) => pool.use((connection) => connection.query("SELECT 1", [], { prepare: false })),
  "a prepared query, twice": (pool) =>
    pool.use((connection) =>
      Effect.andThen(connection.query("SELECT $1::int", [1]), connection.query("SELECT $1::int", [2]))
    ),
  "a query whose rows and parameters are larger than any buffer": (pool) =>
    pool.use((connection) => connection.query("SELECT repeat($1, 2)", ["x".repeat(400_000)])),
  "a pipeline": (pool) =>
    pool.use((connection) =>
      connection.pipeline([
        { sql: "INSERT INTO kept VALUES ($1)", parameters: [1] },
        { sql: "SELECT count(*) FROM kept" },
        { sql: "DELETE FROM kept" }
      ])
    ),
  "a script": (pool) => pool.use((connection) => connection.script("SELECT 1; SELECT generate_series(1, 1000)")),
  "many queries on one connection": (pool) =>
    pool.use((connection) =>
      Effect.forEach(
        Array.from({ length: 50 }, (_, index) => index),
        (index) => connection.query("SELECT $1::int", [index]),
        {
          concurrency: "unbounded"
        }
      )
    ),
  "many queries on the pool": (pool) =>
    Effect.forEach(
      Array.from({ length: 8 }, (_, index) => index),
      (index) => pool.use((connection) => connection.query("SELECT $1::int", [index])),
      { concurrency: "unbounded" }
    ),
  "a stream of rows": (pool) =>
    pool.use((connection) =>
      Stream.runDrain(
        connection.stream("SELECT i, repeat('x', 100) FROM generate_series(1, 1500) i", [], { chunkSize: 500 })
      )
    ),
  "a stream that ends early": (pool) =>
    pool.use((connection) =>
      Stream.runDrain(
        Stream.take(
          connection.stream("SELECT i, repeat('x', 100) FROM generate_series(1, 30000) i", [], { chunkSize: 500 }),
          700
        )
      )
    ),
  "COPY from the client": (pool) =>
    pool.use((connection) =>
      Stream.run(
        Stream.make(new TextEncoder().encode("1\n".repeat(100_000)), new TextEncoder().encode("2\n".repeat(50_000))),
        connection.copyIn("COPY kept FROM STDIN")
      )
    ),
  "COPY to the client": (pool) =>
    pool.use((connection) =>
      Stream.runDrain(connection.copyOut("COPY (SELECT repeat('x', 100) FROM generate_series(1, 1500)) TO STDOUT"))
    ),
  "LISTEN and NOTIFY": (pool) =>
    Effect.scoped(
      Effect.gen(function* () {
        const connection = yield* pool.reserve
        const heard = yield* connection.listen("channel")
        yield* pool.use((other) => other.notify("channel", "hello"))
        const { payload } = yield* Queue.take(heard).pipe(Effect.catchIf(isDone, () => Effect.die(new Error("done"))))
        assert.strictEqual(payload, "hello")
      })
    ),
  "a statement that is cancelled": (pool) =>
    pool.use((connection) =>
      // What is not cancelled, since the request failed, ends soon by itself.
      Effect.raceFirst(connection.query("SELECT pg_sleep(0.3)"), Effect.sleep("5 millis"))
    ),
  "a transaction": (pool) =>
    Effect.scoped(
      Effect.gen(function* () {
        const connection = yield* pool.reserve
        yield* connection.query("BEGIN")
        yield* connection.query("INSERT INTO kept VALUES ($1)", [1])
        yield* connection.query("COMMIT")
      })
    ),
  "a transaction that is left open": (pool) =>
    Effect.scoped(
      Effect.gen(function* () {
        const connection = yield* pool.reserve
        yield* connection.query("BEGIN")
        yield* connection.query("INSERT INTO kept VALUES ($1)", [1])
      })
    )
}

const isDone = (error: unknown): boolean => typeof error === "object" && error !== null && !("reason" in error)

/** All connections of the pool at the same time, each its own, with no transaction open. */
const isWhole = (pool: PgPoolShape) =>
  Effect.scoped(
    Effect.gen(function* () {
      const connections = yield* Effect.all(Array.from({ length: size }, () => pool.reserve))
      const answers = yield* Effect.forEach(
        connections,
        (connection) =>
          connection.query("SELECT pg_backend_pid() AS id, pg_current_xact_id_if_assigned() AS transaction"),
        { concurrency: "unbounded" }
      )
      const ids = answers.map(({ rows }) => rows[0]?.["id"])
      assert.strictEqual(new Set(ids).size, size)
      assert.deepStrictEqual(
        ids,
        connections.map(({ processId }) => processId)
      )
      assert.deepStrictEqual(
        answers.map(({ rows }) => rows[0]?.["transaction"]),
        ids.map(() => null)
      )
      assert.deepStrictEqual(
        connections.map(({ transaction }) => transaction),
        ids.map(() => "idle")
      )
    })
  )

const onPool = (
  driver: Driver,
  database: () => string,
  fault: Fault,
  operation: (pool: PgPoolShape) => Effect.Effect<unknown, PgError, World>
): Effect.Effect<void, unknown, World | Scope.Scope> => {
  const waits = make()
  return Effect.gen(function* () {
    const base = yield* open
    const pool = yield* PgPool.make({ ...(yield* optionsOf(driver)), database: database(), maxConnections: size })
    // The table is the test's own: those that had one before have ended their sessions.
    yield* pool.use((connection) => connection.script("DROP TABLE IF EXISTS kept; CREATE TABLE kept (value int)"))
    yield* isWhole(pool)
    const attempts = yield* waits.each(fault, operation(pool), (attempt) =>
      Effect.gen(function* () {
        yield* isWhole(pool)
        yield* isOpen({ ...base, open: base.open + size, leased: base.leased + size }, attempt)
        assert.strictEqual((yield* until(mySessions, (found) => found.length === size)).length, size, attempt)
      })
    )
    assert.isAbove(attempts, 1)
  }).pipe(Effect.provide(waits.layer))
}

const connecting: Readonly<Record<string, Effect.Effect<PgConnectionOptions, never, PostgresServer>>> = {
  "to a socket": Effect.succeed({}),
  "by TCP, with a time limit": Effect.map(PostgresServer, ({ host }) => ({
    host,
    ssl: "disable",
    connectTimeout: "20 seconds"
  })),
  "with SCRAM": Effect.map(PostgresServer, ({ host }) => ({
    host,
    ssl: "disable",
    username: "scram_user",
    password: "secret"
  })),
  "with TLS": Effect.map(PostgresServer, ({ host }) => ({ host, ssl: "require" })),
  "to the second of two hosts": Effect.map(PostgresServer, ({ socketDirectory }) => ({
    host: `/nowhere,${socketDirectory}`
  }))
}

/** The tests of one driver. There are many, so that each driver has a file of its own. */
export const everyWait = (driver: Driver): void => {
  // One for all of them: to create one takes longer than a test.
  let database = ""
  const scope = Scope.makeUnsafe()
  beforeAll(async () => {
    await openSsl()
    const created = Scope.provide(createDatabase("waits"), scope)
    database = await Effect.runPromise(Effect.provide(created, sharedServer))
  })
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  describe.each(faults)("the k-th wait %s, for every k", (fault) => {
    for (const [name, operation] of Object.entries(operations)) {
      test(name, () => onPool(driver, () => database, fault, operation))
    }

    for (const [name, options] of Object.entries(connecting)) {
      test(`connecting ${name}`, () => {
        const waits = make()
        return Effect.gen(function* () {
          const made = PgConnection.make({ ...(yield* optionsOf(driver)), ...(yield* options) })
          const base = yield* open
          yield* waits.each(fault, Effect.scoped(made), (attempt) =>
            Effect.gen(function* () {
              yield* isOpen(base, attempt)
              assert.deepStrictEqual(yield* until(mySessions, (found) => found.length === 0), [], attempt)
            })
          )
        }).pipe(Effect.provide(waits.layer))
      })
    }
  })
}
