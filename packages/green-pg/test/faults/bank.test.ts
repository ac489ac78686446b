/**
 * A bank: fibers that move money between accounts, that are interrupted, and whose sessions are ended, at random. As long
 * as `GREEN_PG_BANK_SECONDS` says, 2 seconds unless said.
 */
import { assert, describe } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { GreenPg, PgPool } from "green-pg"
import { administer, createDatabase, type Session } from "../support/postgres.ts"
import { eachDriver, ends, mySessions, optionsOf, test, until } from "./support/world.ts"

const seconds = Number(process.env["GREEN_PG_BANK_SECONDS"] ?? "2")
const accounts = 10
const opening = 1000
const clerks = 50
const size = 10

/** What may happen to a transfer that nobody interrupts: it met another, or its session was ended. */
const possible = ["ConnectionError", "DeadlockError", "SerializationError"]

class Counts {
  done = 0
  interrupted = 0
  retried = 0
  terminated = 0
}

const transfer = (sql: SqlClient) =>
  Effect.gen(function* () {
    const from = yield* Random.nextIntBetween(0, accounts - 1)
    const to = yield* Random.nextIntBetween(0, accounts - 1)
    const amount = yield* Random.nextIntBetween(1, 10)
    const isSerializable = yield* Random.nextBoolean
    const move = Effect.gen(function* () {
      const [account] = yield* sql<{ balance: number }>`SELECT balance FROM account WHERE id = ${from}`
      if (account === undefined || account.balance < amount) return
      yield* sql`UPDATE account SET balance = balance - ${amount} WHERE id = ${from}`
      yield* sql.withTransaction(sql`UPDATE account SET balance = balance + ${amount} WHERE id = ${to}`)
    })
    yield* isSerializable
      ? GreenPg.withTransaction({ isolationLevel: "serializable" })(move)
      : sql.withTransaction(move)
  })

eachDriver((driver) => {
  describe.each([false, true])("with multiplex: %s", (multiplex) => {
    test(
      "whatever befalls it: no money is made or lost, nobody hangs, and every connection is usable",
      () =>
        Effect.gen(function* () {
          const database = yield* createDatabase("bank")
          const options = { ...(yield* optionsOf(driver)), database, maxConnections: size, multiplex }
          yield* Effect.gen(function* () {
            const sql = yield* SqlClient
            const pool = yield* PgPool
            yield* sql`CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0))`
            yield* sql`INSERT INTO account SELECT i, ${opening}::int FROM generate_series(0, ${accounts - 1}::int) i`
            const counts = new Counts()
            let open = true
            const clerk: Effect.Effect<void, SqlError, SqlClient> = Effect.gen(function* () {
              while (open) {
                const attempt = transfer(sql).pipe(
                  Effect.map(() => void counts.done++),
                  Effect.catch((error) => {
                    counts.retried++
                    return possible.includes(error.reason._tag) ? Effect.void : Effect.fail(error)
                  })
                )
                const isInterrupted = (yield* Random.nextIntBetween(0, 3)) === 0
                const patience = yield* Random.nextBetween(0, 20)
                if (!isInterrupted) yield* attempt
                else if ((yield* Effect.timeoutOption(attempt, Duration.millis(patience)))._tag === "None") {
                  counts.interrupted++
                }
                // Somebody reads beside the transactions, and sees the whole.
                const [whole] = yield* sql<{ total: number }>`SELECT sum(balance)::int AS total FROM account`.pipe(
                  Effect.catch((error) =>
                    possible.includes(error.reason._tag) ? Effect.succeed([]) : Effect.fail(error)
                  )
                )
                if (whole !== undefined) assert.strictEqual(whole.total, accounts * opening)
              }
            })
            const thief = Effect.gen(function* () {
              const victims = yield* mySessions
              const victim = victims[yield* Random.nextIntBetween(0, Math.max(victims.length - 1, 0))]
              if (victim !== undefined) {
                counts.terminated++
                yield* administer("SELECT pg_terminate_backend($1)", [victim.processId])
              }
              yield* Effect.sleep(Duration.millis(yield* Random.nextBetween(10, 100)))
            })
            const stealing = yield* Effect.forkChild(Effect.forever(thief))
            const working = yield* Effect.forkChild(
              Effect.all(
                Array.from({ length: clerks }, () => clerk),
                { concurrency: "unbounded", discard: true }
              )
            )
            yield* Effect.raceFirst(Effect.sleep(Duration.seconds(seconds)), Fiber.join(working))
            yield* Fiber.interrupt(stealing)
            open = false
            yield* ends("the bank", Fiber.join(working))

            assert.isAbove(counts.done, clerks)
            assert.isAbove(counts.interrupted, 0)
            assert.isAbove(counts.terminated, 0)
            const isAtRest = ({ applicationName, state }: Session) =>
              applicationName === "administrator" || state === "idle"
            const states = yield* until(mySessions, (found) => found.every(isAtRest))
            assert.deepStrictEqual(
              states.filter((session) => !isAtRest(session)),
              []
            )
            const [whole] = yield* sql<{ total: number }>`SELECT sum(balance)::int AS total FROM account`
            assert.strictEqual(whole?.total, accounts * opening)

            const all = yield* ends(
              "reserving all connections",
              Effect.scoped(
                Effect.gen(function* () {
                  const connections = yield* Effect.all(Array.from({ length: size }, () => pool.reserve))
                  yield* Effect.forEach(connections, (connection) => connection.query("SELECT 1"), {
                    concurrency: "unbounded"
                  })
                  assert.deepStrictEqual(
                    connections.map(({ transaction }) => transaction),
                    connections.map(() => "idle")
                  )
                  return connections.map(({ processId }) => processId)
                })
              )
            )
            assert.strictEqual(new Set(all).size, size)
          }).pipe(Effect.provide(GreenPg.layer(options)))
        }),
      seconds * 1000 + 90_000
    )
  })
})
