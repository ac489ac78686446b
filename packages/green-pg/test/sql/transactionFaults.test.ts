/** Transactions of effect/sql that are interrupted, lost or in each other's way: in which state the connection comes back. */
import { assert, describe, layer } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as SqlClient from "effect/sql/SqlClient"
import { sessions, terminate } from "../support/postgres.ts"
import { clientLayer, createTable, Database, makeSql, variants } from "./support/client.ts"
import { allAtRest, backend, reasonOf, values } from "./support/transactions.ts"

describe.each(variants)("transactions that do not end well ($driver, multiplex: $multiplex)", (variant) => {
  layer(clientLayer(variant), { excludeTestServices: true })((it) => {
    it.effect("are rolled back by a failure, which is kept", () =>
      Effect.gen(function* () {
        const { insert, seen, sql } = yield* values
        const failed = sql.withTransaction(Effect.andThen(insert("one"), Effect.fail("my failure")))
        assert.strictEqual(yield* Effect.flip(failed), "my failure")
        assert.deepStrictEqual(yield* seen, [])
        yield* allAtRest
      })
    )

    it.effect("are rolled back by a defect, which is kept", () =>
      Effect.gen(function* () {
        const { insert, seen, sql } = yield* values
        const exit = yield* Effect.exit(sql.withTransaction(Effect.andThen(insert("one"), Effect.die("my defect"))))
        assert.deepStrictEqual(exit, Exit.die("my defect"))
        assert.deepStrictEqual(yield* seen, [])
        yield* allAtRest
      })
    )

    it.effect("are rolled back by an interruption, also in the middle of a statement", () =>
      Effect.gen(function* () {
        const { insert, seen, sql } = yield* values
        const database = yield* Database
        const transaction = yield* Effect.forkChild(
          sql.withTransaction(Effect.andThen(insert("one"), sql`SELECT pg_sleep(600)`))
        )
        while (!(yield* database.sessions).some(({ isAsleep }) => isAsleep)) {
          yield* Effect.yieldNow
        }
        yield* Fiber.interrupt(transaction)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(transaction)))
        assert.deepStrictEqual(yield* seen, [])
        yield* allAtRest
      })
    )

    it.effect("are rolled back, and savepoints too, also when a statement that was interrupted still runs", () =>
      Effect.gen(function* () {
        const { insert, seen, sql } = yield* values
        // Interrupted behind one that is waited for, it is left to run: a cancel request could meet the other.
        const abandonOne = Effect.all(
          [sql`SELECT pg_sleep(0.2)`, Effect.timeoutOption(sql`SELECT pg_sleep(0.4)`, "50 millis")],
          { concurrency: "unbounded", discard: true }
        )
        const failing = insert("one").pipe(Effect.andThen(abandonOne), Effect.andThen(Effect.fail("taken back")))
        assert.strictEqual(yield* Effect.flip(sql.withTransaction(failing)), "taken back")
        yield* allAtRest
        yield* sql.withTransaction(Effect.andThen(Effect.ignore(sql.withTransaction(failing)), insert("kept")))
        yield* allAtRest
        assert.deepStrictEqual(yield* seen, ["kept"])
      })
    )

    it.effect("of a reserved connection that are left open are rolled back, also when a statement still runs", () =>
      Effect.gen(function* () {
        const { seen, sql, table } = yield* values
        yield* Effect.scoped(
          Effect.gen(function* () {
            const connection = yield* sql.reserve
            yield* connection.executeUnprepared("BEGIN", [], undefined)
            const [insert] = sql`INSERT INTO ${table} VALUES ('lost')`.compile()
            yield* connection.executeUnprepared(insert, [], undefined)
            yield* Effect.all(
              [
                connection.executeUnprepared("SELECT pg_sleep(0.2)", [], undefined),
                Effect.timeoutOption(connection.executeUnprepared("SELECT pg_sleep(600)", [], undefined), "50 millis")
              ],
              { concurrency: "unbounded", discard: true }
            )
          })
        )
        yield* allAtRest
        assert.deepStrictEqual(yield* seen, [])
        yield* sql`INSERT INTO ${table} VALUES ('kept')`
        assert.deepStrictEqual(yield* seen, ["kept"])
      })
    )

    it.effect("whose session is ended fail as a lost connection, and the next has another one", () =>
      Effect.gen(function* () {
        const { insert, seen, sql } = yield* values
        const killed = yield* Effect.exit(
          sql.withTransaction(
            Effect.gen(function* () {
              yield* insert("one")
              yield* terminate(yield* backend)
              yield* insert("two")
            })
          )
        )
        assert.isTrue(Exit.isFailure(killed))
        if (Exit.isFailure(killed)) {
          assert.isFalse(Cause.hasDies(killed.cause))
          const error = Cause.squash(killed.cause)
          assert.nestedPropertyVal(error, "reason._tag", "ConnectionError")
          assert.nestedPropertyVal(error, "reason.cause.code", "57P01")
        }
        yield* sql.withTransaction(insert("three"))
        assert.deepStrictEqual(yield* seen, ["three"])
        yield* allAtRest
      })
    )

    it.effect("whose session is ended before the commit fail, and do not die", () =>
      Effect.gen(function* () {
        const { insert, seen, sql } = yield* values
        const kill = Effect.flatMap(backend, terminate)
        const reason = yield* reasonOf(sql.withTransaction(Effect.andThen(insert("one"), kill)))
        assert.strictEqual(reason._tag, "ConnectionError")
        const failing = Effect.andThen(insert("one"), Effect.andThen(kill, Effect.fail("mine")))
        assert.strictEqual(yield* Effect.flip(sql.withTransaction(failing)), "mine")
        assert.strictEqual(yield* Effect.flip(sql.withTransaction(sql.withTransaction(failing))), "mine")
        const caught = sql.withTransaction(Effect.ignore(sql.withTransaction(failing)))
        assert.strictEqual((yield* reasonOf(caught))._tag, "ConnectionError")
        const savepoint = sql.withTransaction(sql.withTransaction(Effect.andThen(insert("one"), kill)))
        assert.strictEqual((yield* reasonOf(savepoint))._tag, "ConnectionError")
        assert.deepStrictEqual(yield* seen, [])
        yield* allAtRest
      })
    )

    it.effect("keep the connection that they have to themselves", () =>
      Effect.gen(function* () {
        const sql = yield* makeSql({ ...variant, maxConnections: 1 })
        const inside = yield* Deferred.make<void>()
        const go = yield* Deferred.make<void>()
        const order: Array<string> = []
        const transaction = yield* Effect.forkChild(
          sql.withTransaction(
            Effect.gen(function* () {
              yield* sql`SELECT 1`
              yield* Deferred.succeed(inside, undefined)
              yield* Deferred.await(go)
              yield* sql`SELECT 1`
              order.push("transaction")
            })
          )
        )
        yield* Deferred.await(inside)
        const other = yield* Effect.forkChild(
          Effect.map(sql`SELECT transaction_timestamp() = statement_timestamp() AS alone`, (rows) => {
            order.push("other")
            return rows
          }),
          { startImmediately: true }
        )
        const second = yield* Effect.forkChild(sql.withTransaction(Effect.sync(() => order.push("second"))), {
          startImmediately: true
        })
        yield* Deferred.succeed(go, undefined)
        yield* Fiber.join(transaction)
        yield* Fiber.join(other)
        yield* Fiber.join(second)
        assert.deepStrictEqual(order, ["transaction", "other", "second"])
      })
    )

    it.effect("that wait for a connection can be interrupted", () =>
      Effect.gen(function* () {
        const sql = yield* makeSql({ ...variant, maxConnections: 1 })
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* sql.reserve
            const waiting = yield* Effect.forkChild(sql.withTransaction(Effect.void), { startImmediately: true })
            yield* Fiber.interrupt(waiting)
          })
        )
        yield* sql.withTransaction(sql`SELECT 1`)
      })
    )

    it.effect("of many fibers move money, and never make or lose any", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const name = yield* createTable("id int PRIMARY KEY, amount int NOT NULL CHECK (amount >= 0)")
        const accounts = 6
        yield* sql`INSERT INTO ${sql(name)} SELECT id, 100 FROM generate_series(1, ${accounts}::int) AS id`
        const transfer = (turn: number) => {
          const [from, to] = [(turn % accounts) + 1, ((turn * 5 + 1) % accounts) + 1]
          return sql
            .withTransaction(
              Effect.gen(function* () {
                yield* sql`UPDATE ${sql(name)} SET amount = amount + ${turn} WHERE id = ${to}`
                if (turn % 5 === 0) return yield* Effect.fail("changed my mind")
                yield* sql`UPDATE ${sql(name)} SET amount = amount - ${turn} WHERE id = ${from}`
              })
            )
            .pipe(turn % 3 === 0 ? Effect.timeout(`${turn % 10} millis`) : (self) => self, Effect.exit)
        }
        const exits = yield* Effect.forEach(
          Array.from({ length: 120 }, (_, index) => index),
          transfer,
          { concurrency: 20 }
        )
        assert.isTrue(exits.some(Exit.isSuccess))
        assert.deepStrictEqual(yield* sql`SELECT sum(amount)::int AS total FROM ${sql(name)}`, [{ total: 600 }])
        yield* allAtRest
      })
    )

    it.effect("leave no session of theirs behind", () =>
      Effect.gen(function* () {
        const { name } = yield* Database
        assert.isAtMost((yield* sessions(name)).length, 4)
      })
    )
  })
})
