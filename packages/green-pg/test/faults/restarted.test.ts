/** A server that is stopped and started again while a pool is in use. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { GreenPg, PgError, PgPool } from "green-pg"
import { PostgresServer } from "green-pg/testing"
import { eachDriver, ends, mySessions, optionsOf, testAlone, until } from "./support/world.ts"

const size = 3
const workers = 8

interface Worker {
  done: number
  readonly failed: Array<SqlError>
}

eachDriver((driver) => {
  testAlone(
    "whoever asks meanwhile hears of a lost connection; when it is back everybody is served, on all connections",
    () =>
      Effect.gen(function* () {
        const server = yield* PostgresServer
        const options = { ...(yield* optionsOf(driver)), maxConnections: size }
        yield* Effect.gen(function* () {
          const sql = yield* SqlClient
          yield* sql`CREATE TABLE done (worker int, number int)`
          const states = Array.from({ length: workers }, (): Worker => ({ done: 0, failed: [] }))
          const work = (worker: number, state: Worker) =>
            sql
              .withTransaction(
                Effect.andThen(sql`SELECT pg_sleep(0.002)`, sql`INSERT INTO done VALUES (${worker}, ${state.done})`)
              )
              .pipe(
                Effect.map(() => void state.done++),
                Effect.catch((error) => {
                  state.failed.push(error)
                  return Effect.sleep("5 millis")
                })
              )
          const fibers = yield* Effect.forEach(states, (state, worker) =>
            Effect.forkChild(Effect.forever(Effect.suspend(() => work(worker, state))))
          )
          const progress = Effect.suspend(() => {
            const before = states.map(({ done }) => done)
            return until(
              Effect.sync(() => states.map(({ done }, worker) => done - (before[worker] ?? 0))),
              (more) => more.every((count) => count >= 3)
            )
          })
          for (const mode of ["fast", "immediate"] as const) {
            assert.isAtLeast(Math.min(...(yield* progress)), 3, `before the server stops (${mode})`)
            yield* server.stop(mode)
            // Everybody has met it.
            const failures = yield* until(
              Effect.sync(() => states.map(({ failed }) => failed.length)),
              (counts) => counts.every((count) => count > 0)
            )
            assert.isAbove(Math.min(...failures), 0)
            yield* server.start
            assert.isAtLeast(Math.min(...(yield* progress)), 3, `after the server is back (${mode})`)
            for (const error of states.flatMap(({ failed }) => failed.splice(0))) {
              assert.strictEqual(error.reason._tag, "ConnectionError", error.message)
              assert.instanceOf(error.reason.cause, PgError)
            }
          }
          yield* Fiber.interruptAll(fibers)
          // Whether the last word of a commit was heard, nobody knows: never less than what was.
          const rows = yield* sql<{ worker: number; done: number }>`
            SELECT worker, count(DISTINCT number)::int AS done FROM done GROUP BY worker ORDER BY worker`
          rows.forEach(({ done, worker }) => assert.isAtLeast(done, states[worker]?.done ?? Infinity))

          const pool = yield* PgPool
          const all = yield* ends(
            "all connections",
            Effect.scoped(Effect.all(Array.from({ length: size }, () => pool.reserve)))
          )
          assert.strictEqual(new Set(all.map(({ processId }) => processId)).size, size)
          assert.strictEqual((yield* until(mySessions, (found) => found.length === size)).length, size)
        }).pipe(Effect.provide(GreenPg.layer(options)))
      })
  )

  testAlone("who connects while it starts, or stops, is told so", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const options = yield* optionsOf(driver)
      const codes = new Set<string | undefined>()
      const connecting = yield* Effect.scoped(PgPool.make({ ...options, maxConnections: 1 })).pipe(
        Effect.andThen(
          Effect.scoped(
            Effect.flatMap(PgPool.make({ ...options, maxConnections: 1 }), (pool) =>
              pool.use((connection) => connection.query("SELECT 1"))
            )
          )
        ),
        Effect.catch((error) => {
          codes.add(error.code)
          assert.include(["ConnectFailed", "ConnectionLost"], error.reason._tag, error.message)
          return Effect.void
        }),
        Effect.repeat(Schedule.spaced("1 millis")),
        Effect.forkChild
      )
      for (let round = 0; round < 3; round++) yield* server.restart("immediate")
      yield* Fiber.interrupt(connecting)
      // Nobody listens (no code), it starts, or it stops.
      for (const code of codes) assert.include([undefined, "57P03", "57P01", "57P02"], code)
      assert.isAbove(codes.size, 0)
    })
  )
})
