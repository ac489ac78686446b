/** Transactions of effect/sql: what is kept, what is taken back, and in which state the connection comes back. */
import { assert, describe, layer } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import { GreenPg, PgError, PgPool } from "green-pg"
import { sessions, terminate } from "../support/postgres.ts"
import { clientLayer, createTable, Database, makeSql, variants } from "./support/client.ts"

interface Value {
  readonly value: string
}

/** A table of values, and what is in it as those outside of a transaction see it. */
const values = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const name = yield* createTable("value text")
  const insert = (value: string) => sql`INSERT INTO ${sql(name)} VALUES (${value})`
  const seen = Effect.map(sql<Value>`SELECT value FROM ${sql(name)} ORDER BY value`, (rows) =>
    rows.map(({ value }) => value)
  )
  return { sql, insert, seen, table: sql(name) }
})

const setting = (name: string) =>
  SqlClient.SqlClient.use((sql) =>
    Effect.map(sql<Value>`SELECT current_setting(${name}) AS value`, (rows) => rows[0]?.value)
  )

const backend = SqlClient.SqlClient.use((sql) =>
  Effect.map(sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`, (rows) => rows[0]?.pid ?? 0)
)

/** No connection is in use, and none of the server's sessions is in a transaction. */
const allAtRest = Effect.gen(function* () {
  assert.strictEqual((yield* PgPool.use((pool) => pool.stats)).used, 0)
  const { sessions } = yield* Database
  for (const { state } of yield* sessions) assert.strictEqual(state, "idle")
})

const reasonOf = <A, R>(effect: Effect.Effect<A, SqlError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

describe.each(variants)("transactions ($driver, multiplex: $multiplex)", (variant) => {
  layer(clientLayer(variant), { excludeTestServices: true })((it) => {
    it.effect("are seen by others when they are committed, and not before", () =>
      Effect.gen(function* () {
        const { insert, seen, sql } = yield* values
        const inside = yield* Deferred.make<void>()
        const go = yield* Deferred.make<void>()
        const transaction = yield* Effect.forkChild(
          sql.withTransaction(
            Effect.gen(function* () {
              yield* insert("one")
              assert.deepStrictEqual(yield* seen, ["one"])
              yield* Deferred.succeed(inside, undefined)
              yield* Deferred.await(go)
              return "done"
            })
          )
        )
        yield* Deferred.await(inside)
        assert.deepStrictEqual(yield* seen, [])
        yield* Deferred.succeed(go, undefined)
        assert.strictEqual(yield* Fiber.join(transaction), "done")
        assert.deepStrictEqual(yield* seen, ["one"])
        yield* allAtRest
      })
    )

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
        while (!(yield* database.sessions).some(({ query, state }) => state === "active" && query.includes("sleep"))) {
          yield* Effect.yieldNow
        }
        yield* Fiber.interrupt(transaction)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(transaction)))
        assert.deepStrictEqual(yield* seen, [])
        yield* allAtRest
      })
    )

    it.effect("within a transaction are savepoints: only they are taken back", () =>
      Effect.gen(function* () {
        const { insert, seen, sql } = yield* values
        yield* sql.withTransaction(
          Effect.gen(function* () {
            yield* insert("outer")
            yield* sql.withTransaction(insert("inner"))
            yield* sql
              .withTransaction(
                Effect.andThen(
                  sql.withTransaction(insert("kept by the inner one")),
                  Effect.andThen(insert("lost"), Effect.fail("taken back"))
                )
              )
              .pipe(Effect.ignore)
            yield* sql.withTransaction(sql`SELECT 1 / 0`).pipe(Effect.ignore)
            yield* insert("still usable")
          })
        )
        assert.deepStrictEqual(yield* seen, ["inner", "outer", "still usable"])
        yield* allAtRest
      })
    )

    it.effect("take everything back, savepoints too, when the outer one fails", () =>
      Effect.gen(function* () {
        const { insert, seen, sql } = yield* values
        yield* sql
          .withTransaction(Effect.andThen(sql.withTransaction(insert("inner")), Effect.fail("taken back")))
          .pipe(Effect.ignore)
        assert.deepStrictEqual(yield* seen, [])
      })
    )

    it.effect("at the same time within one take turns", () =>
      Effect.gen(function* () {
        const { insert, seen, sql } = yield* values
        const first = yield* Deferred.make<void>()
        yield* sql.withTransaction(
          Effect.all(
            [
              sql.withTransaction(
                Effect.gen(function* () {
                  yield* Deferred.succeed(first, undefined)
                  yield* insert("first")
                  for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow
                  yield* insert("first again")
                })
              ),
              Deferred.await(first).pipe(
                Effect.andThen(sql.withTransaction(Effect.andThen(insert("second"), Effect.fail("taken back")))),
                Effect.ignore
              )
            ],
            { concurrency: "unbounded", discard: true }
          )
        )
        assert.deepStrictEqual(yield* seen, ["first", "first again"])
      })
    )

    it.effect("run the statements of many fibers on their one connection", () =>
      Effect.gen(function* () {
        const { insert, seen, sql } = yield* values
        const pids = yield* sql.withTransaction(
          Effect.forEach(
            Array.from({ length: 50 }, (_, index) => index),
            (index) => Effect.andThen(insert(String(index)), backend),
            { concurrency: "unbounded" }
          )
        )
        assert.strictEqual(new Set(pids).size, 1)
        assert.strictEqual((yield* seen).length, 50)
      })
    )

    it.effect("fail when they are committed although a statement has failed, since the server rolls them back", () =>
      Effect.gen(function* () {
        const { insert, seen, sql } = yield* values
        const reason = yield* reasonOf(
          sql.withTransaction(Effect.andThen(insert("one"), Effect.ignore(sql`SELECT 1 / 0`)))
        )
        assert.strictEqual(reason._tag, "UnknownError")
        assert.strictEqual(reason.operation, "commit")
        assert.instanceOf(reason.cause, PgError)
        assert.nestedPropertyVal(reason.cause, "reason._tag", "RolledBack")
        assert.deepStrictEqual(yield* seen, [])
        yield* allAtRest
      })
    )

    it.effect("fail when the commit fails, with the error of the server", () =>
      Effect.gen(function* () {
        const { seen, sql } = yield* values
        const name = yield* createTable("value int UNIQUE DEFERRABLE INITIALLY DEFERRED")
        const twice = sql`INSERT INTO ${sql(name)} VALUES (1), (1)`
        assert.strictEqual((yield* reasonOf(sql.withTransaction(twice)))._tag, "UniqueViolation")
        assert.deepStrictEqual(yield* seen, [])
        yield* allAtRest
      })
    )

    it.effect("refuse what comes after a failed statement, until they are rolled back", () =>
      Effect.gen(function* () {
        const { insert, sql } = yield* values
        const reason = yield* reasonOf(
          sql.withTransaction(Effect.andThen(Effect.ignore(sql`SELECT 1 / 0`), insert("too late")))
        )
        assert.propertyVal(reason.cause, "code", "25P02")
        yield* allAtRest
      })
    )

    it.effect("are of the kind that GreenPg.withTransaction says, each for itself", () =>
      Effect.gen(function* () {
        const { insert } = yield* values
        const kind = Effect.all([
          setting("transaction_isolation"),
          setting("transaction_read_only"),
          setting("transaction_deferrable")
        ])
        const { withTransaction } = GreenPg
        assert.deepStrictEqual(yield* kind.pipe(withTransaction({})), ["read committed", "off", "off"])
        assert.deepStrictEqual(yield* kind.pipe(withTransaction({ isolationLevel: "repeatable read" })), [
          "repeatable read",
          "off",
          "off"
        ])
        assert.deepStrictEqual(
          yield* kind.pipe(withTransaction({ isolationLevel: "serializable", readOnly: true, deferrable: true })),
          ["serializable", "on", "on"]
        )
        assert.deepStrictEqual(
          yield* kind.pipe(withTransaction({ isolationLevel: "read committed", readOnly: false, deferrable: false })),
          ["read committed", "off", "off"]
        )
        assert.deepStrictEqual(yield* kind, ["read committed", "off", "off"])
        const reason = yield* reasonOf(insert("one").pipe(withTransaction({ readOnly: true })))
        assert.propertyVal(reason.cause, "code", "25006")
      })
    )

    it.effect("keep their kind, whatever a transaction within them asks for", () =>
      Effect.gen(function* () {
        const { withTransaction } = GreenPg
        const inner = Effect.all([setting("transaction_isolation"), setting("transaction_read_only")])
        const asked = inner.pipe(
          withTransaction({ isolationLevel: "serializable" }),
          withTransaction({ readOnly: true })
        )
        assert.deepStrictEqual(yield* asked, ["read committed", "on"])
      })
    )

    it.effect("begin as SqlClient.BeginTransaction says", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const isolation = yield* sql
          .withTransaction(setting("transaction_isolation"))
          .pipe(Effect.provideService(SqlClient.BeginTransaction, "BEGIN ISOLATION LEVEL SERIALIZABLE"))
        assert.strictEqual(isolation, "serializable")
        const reason = yield* reasonOf(
          sql.withTransaction(setting("x")).pipe(Effect.provideService(SqlClient.BeginTransaction, "BEGIN NONSENSE"))
        )
        assert.strictEqual(reason._tag, "SqlSyntaxError")
        yield* allAtRest
      })
    )

    it.effect("stream what they see, and go on after it", () =>
      Effect.gen(function* () {
        const { insert, seen, sql, table } = yield* values
        const streamed = yield* sql.withTransaction(
          Effect.gen(function* () {
            yield* sql`INSERT INTO ${table} SELECT lpad(n::text, 5, '0') FROM generate_series(1, 3000) AS n`
            const rows = yield* sql<Value>`SELECT value FROM ${table} ORDER BY value`.stream.pipe(Stream.runCollect)
            yield* insert("after")
            return rows
          })
        )
        assert.strictEqual(streamed.length, 3000)
        assert.strictEqual((yield* seen).length, 3001)
        yield* allAtRest
      })
    )

    it.effect("can ask for each row of a stream of theirs, and stream two at once", () =>
      Effect.gen(function* () {
        const { sql } = yield* values
        const many = sql<{ n: number }>`SELECT n, repeat('x', 200) FROM generate_series(1, 20000) AS n`
        const [asked, both] = yield* sql.withTransaction(
          Effect.all([
            many.stream.pipe(
              Stream.filter(({ n }) => n % 1000 === 0),
              Stream.mapEffect(({ n }) => sql<{ half: number }>`SELECT ${n}::int / 2 AS half`),
              Stream.runCollect
            ),
            Stream.zip(many.stream, many.stream).pipe(Stream.runCount)
          ])
        )
        assert.deepStrictEqual(
          asked.flat().map(({ half }) => half),
          Array.from({ length: 20 }, (_, index) => (index + 1) * 500)
        )
        assert.strictEqual(both, 20000)
        yield* allAtRest
      })
    )

    it.effect("fail when a stream of theirs ends early, since its statement is cancelled", () =>
      Effect.gen(function* () {
        const { insert, seen, sql } = yield* values
        const reason = yield* reasonOf(
          sql.withTransaction(
            Effect.gen(function* () {
              yield* insert("one")
              yield* sql`SELECT repeat('x', 1000) AS x FROM generate_series(1, 100000)`.stream.pipe(
                Stream.take(1),
                Stream.runDrain
              )
              yield* insert("two")
            })
          )
        )
        assert.propertyVal(reason.cause, "code", "25P02")
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

    it.effect("have no part in what another client does within them", () =>
      Effect.gen(function* () {
        const { insert, seen, sql, table } = yield* values
        const other = yield* makeSql(variant)
        yield* sql
          .withTransaction(
            Effect.gen(function* () {
              yield* insert("of the first")
              yield* other.withTransaction(other`INSERT INTO ${table} VALUES ('of the other')`)
              return yield* Effect.fail("taken back")
            })
          )
          .pipe(Effect.ignore)
        assert.deepStrictEqual(yield* seen, ["of the other"])
      })
    )

    it.effect("run afterCommit when they are committed, in order, and not when they are rolled back", () =>
      Effect.gen(function* () {
        const { insert, seen, sql } = yield* values
        const said: Array<string> = []
        const say = (word: string) => sql.afterCommit(Effect.sync(() => void said.push(word)))
        yield* sql.withTransaction(
          Effect.gen(function* () {
            yield* insert("one")
            yield* sql.afterCommit(
              Effect.orDie(
                Effect.map(seen, (rows) => {
                  said.push(`sees ${rows.length}`)
                })
              )
            )
            yield* sql.withTransaction(say("of a savepoint"))
            yield* sql.withTransaction(Effect.andThen(say("never"), Effect.fail("taken back"))).pipe(Effect.ignore)
            yield* say("last")
            assert.deepStrictEqual(said, [])
          })
        )
        assert.deepStrictEqual(said, ["sees 1", "of a savepoint", "last"])
        yield* sql.withTransaction(Effect.andThen(say("never"), Effect.fail("taken back"))).pipe(Effect.ignore)
        yield* say("at once")
        assert.deepStrictEqual(said, ["sees 1", "of a savepoint", "last", "at once"])
        yield* allAtRest
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
