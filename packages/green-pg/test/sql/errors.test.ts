/** What an error of the server is in effect/sql, and what it keeps of what the server said. */
import { assert, describe, layer } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { GreenPg, PgError } from "green-pg"
import { PostgresServer } from "green-pg/testing"
import { clientLayer, createTable, Database, drivers, makeSql } from "./support/client.ts"

const reasonOf = <A, R>(effect: Effect.Effect<A, SqlError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => ({ reason, pg: pgErrorOf(reason.cause) }))

const pgErrorOf = (cause: unknown): PgError => {
  assert.instanceOf(cause, PgError)
  return cause
}

/** What the server said. */
const messageOf = ({ reason }: PgError) => {
  if (reason._tag !== "Server") throw new Error(`it is ${reason._tag}`)
  return reason.message
}

const table: ReadonlyArray<readonly [code: string, reason: SqlError["reason"]["_tag"]]> = [
  ["08000", "ConnectionError"],
  ["08006", "ConnectionError"],
  ["28000", "AuthenticationError"],
  ["28P01", "AuthenticationError"],
  ["42501", "AuthorizationError"],
  ["42000", "SqlSyntaxError"],
  ["42601", "SqlSyntaxError"],
  ["42P01", "SqlSyntaxError"],
  ["42703", "SqlSyntaxError"],
  ["23000", "ConstraintError"],
  ["23502", "ConstraintError"],
  ["23503", "ConstraintError"],
  ["23505", "UniqueViolation"],
  ["23514", "ConstraintError"],
  ["23P01", "ConstraintError"],
  ["40001", "SerializationError"],
  ["40P01", "DeadlockError"],
  ["40002", "UnknownError"],
  ["55P03", "LockTimeoutError"],
  ["57014", "StatementTimeoutError"],
  ["57P01", "ConnectionError"],
  ["57P02", "ConnectionError"],
  ["57P03", "ConnectionError"],
  ["22012", "UnknownError"],
  ["53300", "UnknownError"],
  ["P0001", "UnknownError"],
  ["XX000", "UnknownError"]
]

describe.each(drivers)("errors (%s)", (driver) => {
  layer(clientLayer({ driver, multiplex: false }), { excludeTestServices: true })((it) => {
    it.effect.each(table)("with the SQLSTATE %s are a %s", ([code, tag]) =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const raise = sql.unsafe(`DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '${code}'; END $$`)
        const { pg, reason } = yield* reasonOf(raise)
        assert.strictEqual(reason._tag, tag)
        assert.strictEqual(pg.code, code)
        assert.strictEqual(reason.operation, "query")
        assert.strictEqual(reason.message, `query: on purpose (${code})`)
        assert.deepStrictEqual(yield* sql`SELECT 1 AS after`, [{ after: 1 }])
      })
    )

    it.effect("of a unique index say which one, and what was there already", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const name = yield* createTable("id int PRIMARY KEY")
        const insert = sql`INSERT INTO ${sql(name)} VALUES (1)`
        yield* insert
        const { pg, reason } = yield* reasonOf(insert)
        assert.strictEqual(reason._tag, "UniqueViolation")
        assert.propertyVal(reason, "constraint", `${name}_pkey`)
        assert.deepInclude(messageOf(pg), {
          code: "23505",
          constraint: `${name}_pkey`,
          table: name,
          schema: "public",
          detail: "Key (id)=(1) already exists."
        })
      })
    )

    it.effect("of a column that may not be NULL say which one", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const name = yield* createTable("id int NOT NULL")
        const { pg, reason } = yield* reasonOf(sql`INSERT INTO ${sql(name)} VALUES (NULL)`)
        assert.strictEqual(reason._tag, "ConstraintError")
        assert.deepInclude(messageOf(pg), { code: "23502", column: "id", table: name })
      })
    )

    it.effect("of a check and of a foreign key say which one", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const name = yield* createTable("id int PRIMARY KEY, age int CONSTRAINT of_age CHECK (age > 17)")
        yield* sql`ALTER TABLE ${sql(name)} ADD COLUMN parent int CONSTRAINT has_parent REFERENCES ${sql(name)}`
        const check = yield* reasonOf(sql`INSERT INTO ${sql(name)} VALUES (1, 17)`)
        assert.strictEqual(check.reason._tag, "ConstraintError")
        assert.deepInclude(messageOf(check.pg), { code: "23514", constraint: "of_age" })
        const parent = yield* reasonOf(sql`INSERT INTO ${sql(name)} VALUES (1, 18, 2)`)
        assert.strictEqual(parent.reason._tag, "ConstraintError")
        assert.deepInclude(messageOf(parent.pg), { code: "23503", constraint: "has_parent" })
      })
    )

    it.effect("of a syntax say where, and of a name what was perhaps meant", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const syntax = yield* reasonOf(sql`SELECT 1 FRM x`)
        assert.strictEqual(syntax.reason._tag, "SqlSyntaxError")
        assert.deepInclude(messageOf(syntax.pg), { code: "42601", severity: "ERROR", position: 14 })
        const name = yield* createTable("user_name int")
        const column = yield* reasonOf(sql`SELECT ${sql(name)}.username FROM ${sql(name)}`)
        assert.deepInclude(messageOf(column.pg), {
          code: "42703",
          hint: `Perhaps you meant to reference the column "${name}.user_name".`
        })
        assert.include(column.reason.message, "Perhaps you meant")
      })
    )

    it.effect("of a function say where it was called", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { pg } = yield* reasonOf(
          sql`DO $$ BEGIN RAISE EXCEPTION 'no' USING DETAIL = 'why', HINT = 'how', DATATYPE = 'dt'; END $$`
        )
        assert.deepInclude(messageOf(pg), {
          code: "P0001",
          message: "no",
          detail: "why",
          hint: "how",
          dataType: "dt",
          where: "PL/pgSQL function inline_code_block line 1 at RAISE"
        })
      })
    )

    it.effect("of a deadlock are one transaction's, and the other one goes on", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const name = yield* createTable("id int PRIMARY KEY")
        yield* sql`INSERT INTO ${sql(name)} VALUES (1), (2)`
        const firsts = [yield* Deferred.make<void>(), yield* Deferred.make<void>()] as const
        const lock = (first: number, second: number) =>
          Effect.gen(function* () {
            yield* sql`SET LOCAL deadlock_timeout = '50ms'`
            yield* sql`SELECT FROM ${sql(name)} WHERE id = ${first} FOR UPDATE`
            yield* Deferred.succeed(first === 1 ? firsts[0] : firsts[1], undefined)
            yield* Deferred.await(first === 1 ? firsts[1] : firsts[0])
            yield* sql`SELECT FROM ${sql(name)} WHERE id = ${second} FOR UPDATE`
          }).pipe(
            sql.withTransaction,
            Effect.match({ onFailure: ({ reason }) => reason._tag, onSuccess: () => "done" })
          )
        const both = yield* Effect.all([lock(1, 2), lock(2, 1)], { concurrency: "unbounded" })
        assert.sameMembers([...both], ["DeadlockError", "done"])
      })
    )

    it.effect(
      "of serializable transactions that are in each other's way are of the second, which can be tried again",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const name = yield* createTable("id int PRIMARY KEY, n int")
          yield* sql`INSERT INTO ${sql(name)} VALUES (1, 0)`
          let tries = 0
          const increment = Effect.gen(function* () {
            tries++
            const [row] = yield* sql<{ n: number }>`SELECT n FROM ${sql(name)} WHERE id = 1`
            yield* sql`SELECT pg_sleep(0.01)`
            yield* sql`UPDATE ${sql(name)} SET n = ${(row?.n ?? 0) + 1} WHERE id = 1`
          }).pipe(
            GreenPg.withTransaction({ isolationLevel: "serializable" }),
            Effect.retry({ while: ({ reason }) => reason._tag === "SerializationError" })
          )
          yield* Effect.all([increment, increment, increment], { concurrency: "unbounded", discard: true })
          assert.deepStrictEqual(yield* sql`SELECT n FROM ${sql(name)}`, [{ n: 3 }])
          assert.isAbove(tries, 3)
        })
    )

    it.effect("of a lock that is not had in time, and of a statement that takes too long, say so", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const name = yield* createTable("id int PRIMARY KEY")
        const impatient = Effect.andThen(
          sql`SET LOCAL lock_timeout = '20ms'`,
          sql`LOCK TABLE ${sql(name)} IN ACCESS EXCLUSIVE MODE`
        )
        const locked = yield* sql.withTransaction(
          Effect.gen(function* () {
            yield* sql`LOCK TABLE ${sql(name)} IN ACCESS EXCLUSIVE MODE`
            const other = yield* makeSql({ driver })
            return yield* reasonOf(
              other.withTransaction(
                Effect.andThen(
                  other`SET LOCAL lock_timeout = '20ms'`,
                  other`LOCK TABLE ${other(name)} IN ACCESS EXCLUSIVE MODE`
                )
              )
            )
          })
        )
        assert.strictEqual(locked.reason._tag, "LockTimeoutError")
        assert.strictEqual(locked.pg.code, "55P03")
        yield* sql.withTransaction(impatient)
        const slow = yield* reasonOf(
          sql.withTransaction(Effect.andThen(sql`SET LOCAL statement_timeout = '20ms'`, sql`SELECT pg_sleep(600)`))
        )
        assert.strictEqual(slow.reason._tag, "StatementTimeoutError")
        assert.strictEqual(slow.pg.code, "57014")
      })
    )

    it.effect("of what one may not are AuthorizationErrors", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const name = yield* createTable("id int")
        const { pg, reason } = yield* reasonOf(
          sql.withTransaction(Effect.andThen(sql`SET LOCAL ROLE pg_monitor`, sql`SELECT * FROM ${sql(name)}`))
        )
        assert.strictEqual(reason._tag, "AuthorizationError")
        assert.strictEqual(pg.code, "42501")
      })
    )

    it.effect("of a session that an administrator ends are lost connections, and the client goes on", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { pg, reason } = yield* reasonOf(sql`SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(600)`)
        assert.strictEqual(reason._tag, "ConnectionError")
        assert.strictEqual(pg.code, "57P01")
        assert.deepStrictEqual(yield* sql`SELECT 1 AS after`, [{ after: 1 }])
      })
    )

    it.effect("of connecting come with what is asked, and name the address and no password", () =>
      Effect.gen(function* () {
        const { options } = yield* Database
        const server = yield* PostgresServer
        const ask = (more: GreenPg.GreenPgOptions) =>
          Effect.flatMap(makeSql({ driver, ...more }), (sql) => reasonOf(sql`SELECT 1`))

        const refused = yield* ask({ host: "127.0.0.1", port: 1 })
        assert.strictEqual(refused.reason._tag, "ConnectionError")
        assert.strictEqual(refused.pg.reason._tag, "ConnectFailed")
        assert.match(refused.reason.message, /127\.0\.0\.1.*port 1/)
        assert.strictEqual(refused.reason.operation, "connect")

        const password = "not-the-secret"
        const denied = yield* ask({ host: server.host, username: "scram_user", password })
        assert.strictEqual(denied.reason._tag, "AuthenticationError")
        assert.strictEqual(denied.pg.code, "28P01")
        assert.notInclude(JSON.stringify(denied), password)
        assert.notInclude(denied.reason.message, password)

        const missing = yield* ask({ ...options, database: "there is none" })
        assert.strictEqual(missing.reason._tag, "ConnectionError")
        assert.strictEqual(missing.pg.code, "3D000")
      })
    )

    it.effect("of options with which nothing can be connected are the layer's", () =>
      Effect.gen(function* () {
        const build = (options: GreenPg.GreenPgOptions) =>
          Effect.flatMap(Database, (database) =>
            reasonOf(Layer.build(Layer.fresh(GreenPg.layer({ ...database.options, ...options }))))
          )
        for (const [option, options] of [
          ["maxConnections", { maxConnections: 0 }],
          ["maxConnections", { maxConnections: 1.5 }],
          ["minConnections", { minConnections: 11 }],
          ["multiplex", { multiplex: 0 }],
          ["port", { port: 70000 }],
          ["url", { url: "postgresql://a b" }]
        ] as const) {
          const { pg, reason } = yield* build(options)
          assert.strictEqual(reason._tag, "UnknownError")
          assert.nestedPropertyVal(pg, "reason._tag", "InvalidOption")
          assert.include(reason.message, option)
        }
      })
    )
  })
})
