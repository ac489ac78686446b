/**
 * A libpq that answers as a real one hardly ever does: single functions of the real one are replaced, and everything else
 * is as ever.
 */
import { assert, beforeAll } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Libpq, PgConnection, type PgError, PgPool } from "green-pg"
import { PGRES_POLLING_FAILED, PGRES_POLLING_OK, type LibpqFunctions } from "green-pg/Libpq"
import { PostgresServer } from "green-pg/testing"
import { createDatabase } from "../support/postgres.ts"
import { conversation } from "./support/conversation.ts"
import { connect, eachDriver, ends, mySessions, openSsl, optionsOf, test, until } from "./support/world.ts"

/** With other functions in the place of some. */
const changed = (change: (functions: LibpqFunctions) => Partial<LibpqFunctions>) =>
  Effect.updateService(Libpq, (functions) => Libpq.of({ ...functions, ...change(functions) }))

/** What a libpq 14 lacks. */
const older = changed(() => ({
  version: 140_000,
  PQgssEncInUse: undefined,
  PQsetChunkedRowsMode: undefined,
  PQsendClosePrepared: undefined,
  PQsendPipelineSync: undefined,
  cancel: undefined
}))

/** Every other time the answer is this one, and nothing is done. */
const everyOtherTime = <Arguments extends ReadonlyArray<unknown>, A>(
  f: (...args: Arguments) => A,
  answer: A
): ((...args: Arguments) => A) => {
  let calls = 0
  return (...args) => (calls++ % 2 === 0 ? answer : f(...args))
}

/** This one from the nth call on. */
const from = <Arguments extends ReadonlyArray<unknown>, A>(
  nth: number,
  f: (...args: Arguments) => A,
  answer: A
): ((...args: Arguments) => A) => {
  let calls = 0
  return (...args) => (++calls >= nth ? answer : f(...args))
}

const isRunning = until(mySessions, (found) => found.some(({ isAsleep }) => isAsleep))

beforeAll(openSsl)

eachDriver((driver) => {
  test("an older one, which lacks what came later: nothing is different", () =>
    Effect.gen(function* () {
      const connection = yield* connect(driver, { preparedStatements: 2 })
      yield* conversation(connection)
      const numbers = Array.from({ length: 10 }, (_, index) => index)
      const answers = yield* Effect.forEach(numbers, (number) => connection.query(`SELECT ${number} AS number`), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        answers.map(({ rows }) => rows),
        numbers.map((number) => [{ number }])
      )
    }).pipe(older))

  test("an older one, which blocks while it cancels: the statement is cancelled on a thread, and the connection usable", () =>
    Effect.gen(function* () {
      const connection = yield* connect(driver)
      const running = yield* Effect.forkChild(connection.query("SELECT pg_sleep(60)"))
      yield* isRunning
      yield* ends("interrupting", Fiber.interrupt(running))
      assert.isTrue(connection.isUsable())
      assert.deepStrictEqual((yield* connection.query("SELECT 1 AS one")).rows, [{ one: 1 }])
    }).pipe(older))

  test("a cancel request that is lost is repeated; the connection goes to nobody else", () =>
    Effect.gen(function* () {
      const connection = yield* connect(driver)
      const running = yield* Effect.forkChild(connection.query("SELECT pg_sleep(60)"))
      yield* isRunning
      yield* ends("interrupting", Fiber.interrupt(running))
      assert.isFalse(connection.isUsable())
      assert.deepStrictEqual((yield* connection.query("SELECT 1 AS one")).rows, [{ one: 1 }])
    }).pipe(
      changed(({ cancel }) => {
        let requests = 0
        return {
          cancel: cancel && {
            ...cancel,
            PQcancelCreate: (connection) => (requests++, cancel.PQcancelCreate(connection)),
            PQcancelPoll: (request) => (requests === 1 ? PGRES_POLLING_OK : cancel.PQcancelPoll(request))
          }
        }
      })
    ))

  test("cancel requests that fail: what is interrupted is waited for, and the connection goes to nobody else", () =>
    Effect.gen(function* () {
      const pool = yield* PgPool.make({ ...(yield* optionsOf(driver)), maxConnections: 1 })
      const before = yield* pool.use((connection) => Effect.succeed(connection.processId))
      const running = yield* Effect.forkChild(pool.use((connection) => connection.query("SELECT pg_sleep(0.3)")))
      yield* isRunning
      yield* ends("interrupting", Fiber.interrupt(running))
      assert.notStrictEqual(yield* pool.use((connection) => Effect.succeed(connection.processId)), before)
    }).pipe(changed(({ cancel }) => ({ cancel: cancel && { ...cancel, PQcancelPoll: () => PGRES_POLLING_FAILED } }))))

  test("one without memory for a connection: a typed error", () =>
    Effect.gen(function* () {
      const { reason } = yield* Effect.flip(Effect.scoped(PgConnection.make(yield* optionsOf(driver))))
      assert.strictEqual(reason._tag, "ConnectFailed")
      if (reason._tag === "ConnectFailed") assert.match(reason.attempts[0]?.problem ?? "", /out of memory/)
    }).pipe(changed(({ PQconnectStartParams }) => ({ PQconnectStartParams: from(2, PQconnectStartParams, 0) }))))

  test("one without memory for a cancel request: what is interrupted is waited for", () =>
    Effect.gen(function* () {
      const connection = yield* connect(driver)
      const running = yield* Effect.forkChild(connection.query("SELECT pg_sleep(0.3)"))
      yield* isRunning
      yield* ends("interrupting", Fiber.interrupt(running))
      assert.strictEqual((yield* connection.query("SELECT 1")).rowCount, 1)
    }).pipe(changed(({ cancel }) => ({ cancel: cancel && { ...cancel, PQcancelCreate: () => 0 } }))))

  test("a socket that was closed while it connects, and its number given to the next: TLS after a refusal without", () =>
    Effect.gen(function* () {
      const { host } = yield* PostgresServer
      const options = { ...(yield* optionsOf(driver)), host, username: "tls_user", ssl: "allow" as const }
      for (let round = 0; round < 5; round++) {
        const connection = yield* PgConnection.make(options)
        assert.strictEqual(connection.driver, "libpq")
        assert.strictEqual((yield* connection.query("SELECT 1")).rowCount, 1)
      }
    }))
})

test("libpq takes nothing at every other flush: nothing is different", () =>
  Effect.flatMap(connect("libpq"), conversation).pipe(
    changed(({ PQflush }) => ({ PQflush: everyOtherTime(PQflush, 1) }))
  ))

test("libpq takes no data of a COPY at every other time: nothing is lost, nothing comes twice", () =>
  Effect.gen(function* () {
    const connection = yield* connect("libpq", { database: yield* createDatabase() })
    yield* connection.query("CREATE TABLE kept (value int)")
    const lines = Array.from({ length: 1000 }, (_, index) => new TextEncoder().encode(`${index}\n`))
    assert.strictEqual(yield* Stream.run(Stream.fromIterable(lines), connection.copyIn("COPY kept FROM STDIN")), 1000)
    const { rows } = yield* connection.query("SELECT count(*)::int AS count, sum(value)::int AS sum FROM kept")
    assert.deepStrictEqual(rows, [{ count: 1000, sum: 499_500 }])
    const failing = Stream.concat(Stream.fromIterable(lines), Stream.fail("the source has failed"))
    assert.strictEqual(
      yield* Effect.flip(Stream.run(failing, connection.copyIn("COPY kept FROM STDIN"))),
      "the source has failed"
    )
    assert.deepStrictEqual((yield* connection.query("SELECT count(*)::int AS count FROM kept")).rows, [{ count: 1000 }])
  }).pipe(
    changed(({ PQputCopyData, PQputCopyEnd }) => ({
      PQputCopyData: everyOtherTime(PQputCopyData, 0),
      PQputCopyEnd: everyOtherTime(PQputCopyEnd, 0)
    }))
  ))

const refusals: Readonly<Record<string, (functions: LibpqFunctions) => Partial<LibpqFunctions>>> = {
  PQsendQueryParams: ({ PQsendQueryParams }) => ({ PQsendQueryParams: from(2, PQsendQueryParams, 0) }),
  PQsendPrepare: ({ PQsendPrepare }) => ({ PQsendPrepare: from(2, PQsendPrepare, 0) }),
  PQsendQueryPrepared: ({ PQsendQueryPrepared }) => ({ PQsendQueryPrepared: from(2, PQsendQueryPrepared, 0) }),
  PQsendPipelineSync: ({ PQsendPipelineSync, PQpipelineSync }) => ({
    PQsendPipelineSync: from(3, PQsendPipelineSync ?? PQpipelineSync, 0)
  }),
  PQenterPipelineMode: ({ PQenterPipelineMode }) => ({ PQenterPipelineMode: from(2, PQenterPipelineMode, 0) }),
  PQexitPipelineMode: ({ PQexitPipelineMode }) => ({ PQexitPipelineMode: from(2, PQexitPipelineMode, 0) }),
  PQsendQuery: ({ PQsendQuery }) => ({ PQsendQuery: from(2, PQsendQuery, 0) }),
  PQputCopyData: ({ PQputCopyData }) => ({ PQputCopyData: from(2, PQputCopyData, -1) }),
  PQputCopyEnd: ({ PQputCopyEnd }) => ({ PQputCopyEnd: from(1, PQputCopyEnd, -1) })
}

for (const [name, change] of Object.entries(refusals)) {
  test(`libpq refuses ${name}: whoever asks, and whoever waits, hears of a lost connection`, () =>
    Effect.gen(function* () {
      const connection = yield* connect("libpq")
      const asked: ReadonlyArray<Effect.Effect<unknown, PgError>> = [
        connection.query("SELECT 1", [], { prepare: false }),
        connection.query("SELECT $1::int", [1]),
        connection.query("SELECT $1::int", [2], { prepare: false }),
        connection.query("SELECT $1::text", ["3"]),
        connection.script("CREATE TEMPORARY TABLE kept (value int)"),
        Stream.run(
          Stream.make(new TextEncoder().encode("1\n"), new TextEncoder().encode("2\n")),
          connection.copyIn("COPY kept FROM STDIN")
        ),
        connection.query("SELECT 4"),
        connection.script("SELECT 5")
      ]
      const exits = yield* ends(
        name,
        Effect.forEach(asked, (each) => Effect.exit(each), { concurrency: "unbounded" })
      )
      const last = exits.at(-1)
      assert.isTrue(last !== undefined && last._tag === "Failure", "nobody was refused")
      for (const exit of exits) {
        if (exit._tag === "Success") continue
        const failure = exit.cause.reasons[0]
        assert.strictEqual(failure?._tag, "Fail")
        if (failure?._tag === "Fail") assert.strictEqual(failure.error.reason._tag, "ConnectionLost")
      }
      assert.isFalse(connection.isUsable())
    }).pipe(changed(change)))
}
