/**
 * The scripted server: what a program sees of it is what it sees of a real one, which answers the same statements; and it
 * can be what a real one hardly ever is.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { SqlClient } from "effect/sql/SqlClient"
import * as TestClock from "effect/testing/TestClock"
import { type FdIo, Green, type Wait, WaitFd } from "green-core"
import { VirtualFds } from "green-core/testing"
import {
  GreenPg,
  type Libpq,
  PgConnection,
  type PgConnectionOptions,
  type PgConnectionShape,
  type PgError,
  PgPool,
  PgTypes
} from "green-pg"
import { PostgresServer, ScriptedLibpq } from "green-pg/testing"
import { readdirSync } from "node:fs"
import { Libpq as Real } from "green-pg/Libpq"
import { createDatabase, sharedServer } from "../support/postgres.ts"

type World = Libpq | Wait | WaitFd | FdIo | Scope.Scope

const values = {
  int: 1,
  big: 12345678901234n,
  float: 1.5,
  text: "ä €",
  bool: true,
  bytes: Uint8Array.of(1, 2, 3),
  instant: new Date("2026-01-02T03:04:05.678Z"),
  nothing: null
}

/** What the behaviours ask, answered as PostgreSQL does. */
const script: ScriptedLibpq.Script = ({ parameters, sql }) => {
  switch (sql) {
    case "SELECT $1 AS int, $2 AS big, $3 AS float, $4::text AS text, $5 AS bool, $6 AS bytes, $7 AS instant, NULL AS nothing": {
      const [int, big, float, text, bool, bytes, instant] = parameters
      return Effect.succeed({ rows: [{ int, big, float, text, bool, bytes, instant, nothing: null }] })
    }
    case "SELECT i FROM generate_series(1, $1::int4) i": {
      const rows = Array.from({ length: Number(parameters[0]) }, (_, index) => ({ i: index + 1 }))
      return Effect.succeed({ columns: { i: "int4" }, rows })
    }
    case "SELECT 1 / $1::int4 AS quotient":
      return parameters[0] === 0
        ? Effect.fail({ code: "22012", message: "division by zero" })
        : Effect.succeed({ rows: [{ quotient: 1 / Number(parameters[0]) }] })
    case "INSERT INTO kept VALUES (1)":
      return Effect.succeed({ rowCount: 1 })
    case "CREATE TEMPORARY TABLE kept (value int)":
      return Effect.succeed({ command: "CREATE TABLE" })
    case "SELECT 1 AS one":
      return Effect.succeed({ rows: [{ one: 1 }] })
    case "SELECT pg_sleep(60)":
      return Effect.never
    case "DO $$ BEGIN RAISE NOTICE 'a notice; %', 1; END $$":
      return Effect.succeed({ command: "DO", notices: [{ message: "a notice; 1" }] })
    case "COPY (SELECT i FROM generate_series(1, 3) i) TO STDOUT":
      return Effect.succeed({ copyOut: ["1\n", "2\n", "3\n"] })
    case "COPY kept FROM STDIN":
      return Effect.succeed({
        copyIn: (data) => {
          const lines = Buffer.from(data).toString().trim().split("\n")
          return lines.includes("x")
            ? Effect.fail({ code: "22P02", message: 'invalid input syntax for type integer: "x"' })
            : Effect.succeed({ rowCount: lines.length })
        }
      })
    default:
      return undefined
  }
}

/** What of a failure both must say. */
const failureOf = <A, R>(failing: Effect.Effect<A, PgError, R>) =>
  Effect.map(Effect.flip(failing), ({ code, reason }) => ({
    reason: reason._tag,
    code,
    message: reason._tag === "Server" ? reason.message.message : undefined
  }))

const seen = Effect.fnUntraced(function* (effect: Effect.Effect<unknown, PgError>) {
  const exit = yield* Effect.exit(effect)
  if (Exit.isSuccess(exit)) return exit.value
  return yield* failureOf(Effect.failCause(exit.cause))
})

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Each gives what it has seen. */
const behaviours: Readonly<
  Record<string, (connection: PgConnectionShape) => Effect.Effect<unknown, PgError, Scope.Scope>>
> = {
  "parameters and rows": (connection) => {
    const { nothing: _, ...sent } = values
    const statement =
      "SELECT $1 AS int, $2 AS big, $3 AS float, $4::text AS text, $5 AS bool, $6 AS bytes, $7 AS instant, NULL AS nothing"
    const query = connection.query(statement, Object.values(sent))
    return Effect.all([query, query])
  },
  "rows as arrays, and none": (connection) =>
    Effect.all([0, 3].map((count) => connection.queryValues("SELECT i FROM generate_series(1, $1::int4) i", [count]))),
  "a stream, and one that ends early": (connection) => {
    const rows = connection.stream("SELECT i FROM generate_series(1, $1::int4) i", [10], { chunkSize: 3 })
    return Effect.all([Stream.runCollect(rows), Stream.runCollect(Stream.take(rows, 4))])
  },
  "an error, which ends nothing": (connection) =>
    Effect.all([0, 1].map((divisor) => seen(connection.query("SELECT 1 / $1::int4 AS quotient", [divisor])))),
  "statements of many fibers": (connection) =>
    Effect.forEach([1, 0, 1, 0], (divisor) => seen(connection.query("SELECT 1 / $1::int4 AS quotient", [divisor])), {
      concurrency: "unbounded"
    }),
  "a pipeline, and one that fails": (connection) =>
    Effect.forEach([1, 0], (divisor) =>
      seen(
        connection.pipeline([
          { sql: "SELECT 1 AS one" },
          { sql: "SELECT 1 / $1::int4 AS quotient", parameters: [divisor] },
          { sql: "SELECT 1 AS one" }
        ])
      )
    ),
  "a script": (connection) =>
    Effect.map(
      connection.script("CREATE TEMPORARY TABLE kept (value int); INSERT INTO kept VALUES (1); SELECT 1 AS one"),
      (results) => results.map(({ command, rowCount, rows }) => ({ command, rowCount, rows }))
    ),
  "an empty statement and an empty script": (connection) =>
    Effect.all([connection.query(""), connection.script(" ; ")]),
  "a transaction, one that fails, and savepoints": (connection) =>
    Effect.gen(function* () {
      const states: Array<unknown> = []
      const statements = [
        "BEGIN",
        "SELECT 1 AS one",
        "COMMIT",
        "BEGIN",
        "SAVEPOINT s",
        "bad",
        "SELECT 1 AS one",
        "ROLLBACK TO s",
        "COMMIT"
      ]
      for (const sql of [...statements, "BEGIN", "bad", "COMMIT"]) {
        const found = yield* Effect.exit(
          sql === "bad" ? connection.query("SELECT 1 / $1::int4 AS quotient", [0]) : connection.query(sql)
        )
        const told = Exit.isSuccess(found) ? found.value.command : yield* failureOf(Effect.failCause(found.cause))
        states.push([sql, told, connection.transaction])
      }
      return states
    }),
  "an interruption, which cancels": (connection) =>
    Effect.gen(function* () {
      const running = yield* Effect.forkChild(connection.query("SELECT pg_sleep(60)"), { startImmediately: true })
      yield* Effect.yieldNow
      yield* Fiber.interrupt(running)
      return (yield* connection.query("SELECT 1 AS one")).rows
    }),
  notices: (connection) =>
    Effect.gen(function* () {
      const heard = yield* Effect.forkChild(Stream.runHead(connection.notices), { startImmediately: true })
      yield* connection.query("DO $$ BEGIN RAISE NOTICE 'a notice; %', 1; END $$")
      const notice = yield* Fiber.join(heard)
      return notice._tag === "Some" ? [notice.value.severity, notice.value.code, notice.value.message] : []
    }),
  "LISTEN and NOTIFY": (connection) =>
    Effect.gen(function* () {
      const heard = yield* connection.listen('a "channel"')
      yield* connection.notify("another", "not heard")
      yield* connection.notify('a "channel"', "heard")
      const { channel, payload, processId } = yield* Effect.orDie(Queue.take(heard))
      return [channel, payload, processId === connection.processId]
    }),
  "COPY to the client": (connection) =>
    Effect.map(
      Stream.runCollect(connection.copyOut("COPY (SELECT i FROM generate_series(1, 3) i) TO STDOUT")),
      (pieces) => Buffer.concat(pieces).toString()
    ),
  "COPY from the client, refused, and given up": (connection) =>
    Effect.gen(function* () {
      yield* connection.script("CREATE TEMPORARY TABLE kept (value int)")
      const copy = connection.copyIn("COPY kept FROM STDIN")
      const copied = yield* Stream.run(Stream.make(encode("1\n2"), encode("\n3\n")), copy)
      const refused = yield* seen(Stream.run(Stream.make(encode("x\n")), copy))
      const source: Stream.Stream<Uint8Array, string> = Stream.concat(
        Stream.make(encode("1\n")),
        Stream.fail("given up")
      )
      const givenUp = yield* Effect.match(Stream.run(source, copy), { onFailure: String, onSuccess: String })
      return [copied, refused, givenUp, (yield* connection.query("SELECT 1 AS one")).rows]
    }),
  "DISCARD ALL, after which statements are prepared anew": (connection) =>
    Effect.gen(function* () {
      yield* connection.query("SELECT 1 AS one")
      yield* connection.reset
      return yield* connection.query("SELECT 1 AS one")
    })
}

/** A connection to the real server, and one to the scripted server over the event loop and over virtual descriptors. */
const real = Layer.unwrap(Effect.map(PostgresServer, ({ libpq }) => Real.layer({ path: libpq }))).pipe(
  Layer.orDie,
  Layer.merge(Green.layer),
  Layer.provideMerge(sharedServer)
)
const scripted = Layer.provideMerge(ScriptedLibpq.layer(script), Green.layer)
const virtual = Layer.provideMerge(ScriptedLibpq.layer(script), VirtualFds.layer)

const connected = <A>(
  options: PgConnectionOptions,
  behaviour: (connection: PgConnectionShape) => Effect.Effect<A, PgError, Scope.Scope>
) => Effect.scoped(Effect.flatMap(PgConnection.make(options), behaviour))

describe("what a program sees of the scripted server is what it sees of a real one", () => {
  for (const [name, behaviour] of Object.entries(behaviours)) {
    it.live(name, () =>
      Effect.gen(function* () {
        const { port, socketDirectory, user } = yield* PostgresServer
        const database = yield* createDatabase()
        const options = { host: socketDirectory, port, username: user, database }
        const expected = yield* Effect.provide(connected(options, behaviour), real)
        assert.deepStrictEqual(yield* Effect.provide(connected({}, behaviour), scripted), expected)
        assert.deepStrictEqual(yield* Effect.provide(connected({}, behaviour), virtual), expected)
      }).pipe(Effect.scoped, Effect.provide(sharedServer))
    )
  }
})

const onScript =
  (
    script: ScriptedLibpq.Script,
    test: () => Effect.Effect<unknown, unknown, World | VirtualFds>,
    options?: ScriptedLibpq.ScriptedLibpqOptions
  ) =>
  () =>
    Effect.provide(
      Effect.scoped(Effect.suspend(test)),
      Layer.provideMerge(ScriptedLibpq.layer(script, options), VirtualFds.layer)
    )

describe("the scripted server", () => {
  it.effect(
    "that never answers is a deadlock, which fails what waits, and the next connection is another",
    onScript(
      ({ sql }) => (sql === "SELECT nothing" ? Effect.never : Effect.succeed({ rows: [{ one: 1 }] })),
      () =>
        Effect.gen(function* () {
          const connection = yield* PgConnection.make({})
          const error = yield* Effect.flip(connection.query("SELECT nothing"))
          assert.strictEqual(error.reason._tag, "Wait")
          if (error.reason._tag === "Wait") assert.strictEqual(error.reason.error.reason._tag, "Deadlock")
          assert.match(error.message, /deadlock: nothing can wake descriptor \d+ \(read\)/)
          assert.isFalse(connection.isUsable())
          const other = yield* PgConnection.make({})
          assert.deepStrictEqual((yield* other.query("SELECT 1 AS one")).rows, [{ one: 1 }])
        })
    )
  )

  it.effect(
    "takes the time that its script takes, by the test's clock",
    onScript(
      () => Effect.delay(Effect.succeed({ rows: [{ one: 1 }] }), "1 hour"),
      () =>
        Effect.gen(function* () {
          const connection = yield* PgConnection.make({})
          const running = yield* Effect.forkChild(connection.query("SELECT 1 AS one"))
          yield* VirtualFds.settled
          assert.isUndefined(running.pollUnsafe())
          yield* TestClock.adjust("1 hour")
          assert.deepStrictEqual((yield* Fiber.join(running)).rows, [{ one: 1 }])
        })
    )
  )

  it.effect(
    "interrupts its script when a statement is cancelled",
    onScript(
      ({ sql }) => (sql === "SELECT 1" ? undefined : Effect.never),
      () =>
        Effect.gen(function* () {
          const connection = yield* PgConnection.make({})
          const answer = yield* Effect.forkChild(Effect.timeoutOption(connection.query("SELECT slow"), "1 minute"))
          yield* VirtualFds.settled
          yield* TestClock.adjust("1 minute")
          assert.strictEqual((yield* Fiber.join(answer))._tag, "None")
          assert.isTrue(connection.isUsable())
        })
    )
  )

  it.effect(
    "ends the session by a FATAL error, after what it has said before",
    onScript(
      ({ sql }) =>
        sql === "SELECT 2"
          ? Effect.fail({ severity: "FATAL", code: "57P01", message: "terminating connection" })
          : Effect.succeed({ rows: [{ one: 1 }] }),
      () =>
        Effect.gen(function* () {
          const connection = yield* PgConnection.make({})
          const exits = yield* Effect.forEach(
            ["SELECT 1", "SELECT 2", "SELECT 3"],
            (sql) => Effect.exit(connection.query(sql)),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(
            exits.map(({ _tag }) => _tag),
            ["Success", "Failure", "Failure"]
          )
          const error = yield* Effect.flip(connection.query("SELECT 1"))
          assert.strictEqual(error.reason._tag, "ConnectionLost")
          assert.strictEqual(error.code, "57P01")
          assert.isFalse(connection.isUsable())
        })
    )
  )

  it.effect(
    "says what it has no answer to",
    onScript(
      () => undefined,
      () =>
        Effect.gen(function* () {
          const connection = yield* PgConnection.make({})
          const error = yield* Effect.flip(connection.query("SELECT 1"))
          assert.strictEqual(error.code, "0A000")
          assert.match(error.message, /the script has no answer to: SELECT 1/)
        })
    )
  )

  it.effect(
    "says that its script is at fault when that dies",
    onScript(
      () => {
        throw new Error("a fault of the test")
      },
      () =>
        Effect.gen(function* () {
          const connection = yield* PgConnection.make({})
          const error = yield* Effect.flip(connection.query("SELECT 1"))
          assert.match(error.message, /the script has failed: a fault of the test/)
        })
    )
  )

  it.effect("refuses connections when it is told to, and takes the next", () => {
    const problems = ["the database is on holiday"]
    return onScript(
      () => Effect.succeed({ rows: [{ one: 1 }] }),
      () =>
        Effect.gen(function* () {
          const options = { url: "postgresql://ada:secret@db.example:5433/app?application_name=test" }
          const error = yield* Effect.flip(Effect.scoped(PgConnection.make(options)))
          assert.strictEqual(error.reason._tag, "ConnectFailed")
          assert.match(error.message, /db\.example .*port 5433: the database is on holiday/)
          const connection = yield* PgConnection.make(options)
          assert.strictEqual((yield* connection.query("SELECT 1")).rowCount, 1)
        }),
      { refuses: () => problems.shift() }
    )()
  })

  it.effect(
    "speaks with the driver wire alone",
    onScript(
      () => undefined,
      () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(Effect.scoped(PgConnection.make({ driver: "libpq" })))
          assert.match(error.message, /the scripted libpq carries bytes only: leave out driver: "libpq"/)
        })
    )
  )

  it.effect(
    "prepares anew what has other columns now",
    onScript(
      (() => {
        const answers = [{ one: 1 }, { one: 2 }, { other: "x" }, { other: "y" }]
        return () => Effect.succeed({ rows: [answers.shift() ?? {}] })
      })(),
      () =>
        Effect.gen(function* () {
          const connection = yield* PgConnection.make({})
          const query = Effect.map(connection.query("SELECT * FROM changing"), ({ rows }) => rows)
          assert.deepStrictEqual(yield* Effect.all([query, query, query]), [
            [{ one: 1 }],
            [{ one: 2 }],
            [{ other: "y" }]
          ])
        })
    )
  )

  it.effect("sends what does not fit the socket as it is read", () => {
    const rows = Array.from({ length: 1000 }, (_, index) => ({ index, text: "x".repeat(1000) }))
    return connected({}, (connection) => connection.query("SELECT much")).pipe(
      Effect.map((result) => assert.deepStrictEqual(result.rows, rows)),
      Effect.provide(
        Layer.provideMerge(
          ScriptedLibpq.layer(() => Effect.succeed({ rows })),
          VirtualFds.layerWith({ capacity: 512 })
        )
      )
    )
  })

  it.effect("serves effect/sql: transactions, and what rolls them back", () => {
    const said: Array<string> = []
    return Effect.gen(function* () {
      const sql = yield* SqlClient
      yield* sql.withTransaction(sql`INSERT INTO users ${sql.insert({ name: "Ada", tags: PgTypes.jsonb(["a"]) })}`)
      const error = yield* Effect.flip(sql.withTransaction(sql`INSERT INTO users ${sql.insert({ name: "Bob" })}`))
      assert.strictEqual(error.reason._tag, "UniqueViolation")
      assert.deepStrictEqual(said, [
        "BEGIN",
        'INSERT INTO users ("name","tags") VALUES ($1,$2)',
        "COMMIT",
        "BEGIN",
        'INSERT INTO users ("name") VALUES ($1)',
        "ROLLBACK"
      ])
    }).pipe(
      Effect.provide(
        GreenPg.layer({ maxConnections: 1 }).pipe(
          Layer.provide(
            Layer.provideMerge(
              ScriptedLibpq.layer(({ parameters: [name], sql }) => {
                said.push(sql)
                if (!sql.startsWith("INSERT")) return undefined
                return name === "Bob"
                  ? Effect.fail({ code: "23505", message: "duplicate key", constraint: "users_name_key" })
                  : Effect.succeed({ rowCount: 1 })
              }),
              VirtualFds.layer
            )
          )
        )
      )
    )
  })

  it.live("leaves no descriptor open, and no fiber that waits", () =>
    Effect.gen(function* () {
      const before = readdirSync("/proc/self/fd").length
      yield* Effect.gen(function* () {
        const pool = yield* PgPool.make({ maxConnections: 3 })
        yield* Effect.forEach([1, 2, 3, 4], () => pool.use((connection) => connection.query("SELECT 1 AS one")), {
          concurrency: "unbounded"
        })
        yield* Effect.flip(pool.use((connection) => connection.query("SELECT end")))
        yield* Effect.forkScoped(pool.use((connection) => connection.query("SELECT pg_sleep(60)")))
        yield* Effect.yieldNow
      }).pipe(Effect.scoped, Effect.provide(scripted))
      const { readers, writers } = yield* WaitFd.statistics
      assert.deepStrictEqual([readers, writers], [0, 0])
      assert.isAtMost(readdirSync("/proc/self/fd").length, before)
    }).pipe(Effect.provide(Green.layer))
  )
})
