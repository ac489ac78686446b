/** Transactions of effect/sql: what is kept and what is taken back, of which kind they are, and when others see them. */
import { assert, describe, layer } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as SqlClient from "effect/sql/SqlClient"
import { GreenPg, PgError } from "green-pg"
import { clientLayer, createTable, makeSql, variants } from "./support/client.ts"
import { allAtRest, backend, reasonOf, setting, values } from "./support/transactions.ts"

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
  })
})
