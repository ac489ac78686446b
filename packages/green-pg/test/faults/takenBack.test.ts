/** What is interrupted before it was sent, or in the moment in which it is. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { administer } from "../support/postgres.ts"
import { connect, eachDriver, ends, mySessions, test, until } from "./support/world.ts"

const now = { startImmediately: true } as const

eachDriver((driver) => {
  test("a statement that is taken back leaves nothing on the way that is never answered", () =>
    Effect.gen(function* () {
      const connection = yield* connect(driver, { preparedStatements: 1 })
      yield* connection.query("SELECT 1")
      const running = yield* Effect.forkChild(connection.query("SELECT pg_sleep(0.05)", [], { prepare: false }), now)
      // It closes the one that is kept, and waits for its turn.
      const waiting = yield* Effect.forkChild(connection.query("SELECT 2"), now)
      yield* Fiber.interrupt(waiting)
      const rows = yield* ends(
        "holding",
        Effect.scoped(Effect.flatMap(connection.hold, (held) => held.query("SELECT 3 AS three")))
      )
      assert.deepStrictEqual(rows.rows, [{ three: 3 }])
      yield* Fiber.join(running)
    }))

  test("a pipeline that is interrupted as it is sent is sent to its end, or not at all", () =>
    Effect.gen(function* () {
      const connection = yield* connect(driver)
      const running = yield* Effect.forkChild(
        connection.pipeline([{ sql: "SELECT 1" }, { sql: "SELECT pg_sleep(60)" }, { sql: "SELECT 3" }]),
        now
      )
      const queued = yield* Effect.forkChild(connection.pipeline([{ sql: "SELECT 4" }, { sql: "SELECT 5" }]), now)
      yield* Effect.forEach([queued, running], Fiber.interrupt, { concurrency: "unbounded" })
      assert.deepStrictEqual((yield* ends("asking", connection.query("SELECT 6 AS six"))).rows, [{ six: 6 }])
    }))

  test("a COPY that waits for a lock ends when it is interrupted", () =>
    Effect.gen(function* () {
      const connection = yield* connect(driver)
      const other = yield* Effect.flatMap(connect(driver), ({ hold }) => hold)
      yield* Effect.acquireRelease(administer("CREATE TABLE IF NOT EXISTS locked (value int)"), () =>
        administer("DROP TABLE IF EXISTS locked")
      )
      yield* other.script("BEGIN; LOCK TABLE locked")
      const copying = yield* Effect.forkChild(
        Stream.run(Stream.make(new TextEncoder().encode("1\n")), connection.copyIn("COPY locked FROM STDIN")),
        now
      )
      yield* until(mySessions, (found) =>
        found.some(({ query, state }) => state === "active" && query.startsWith("COPY"))
      )
      yield* ends("interrupting", Fiber.interrupt(copying))
      assert.isTrue(connection.isUsable())
      yield* other.query("ROLLBACK")
      assert.deepStrictEqual((yield* connection.query("SELECT count(*)::int AS count FROM locked")).rows, [
        { count: 0 }
      ])
    }))
})
