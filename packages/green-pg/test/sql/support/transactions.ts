/** A table to be changed in transactions, and what is to hold after each of them. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { PgPool } from "green-pg"
import { createTable, Database } from "./client.ts"

export interface Value {
  readonly value: string
}

/** A table of values, and what is in it as those outside of a transaction see it. */
export const values = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const name = yield* createTable("value text")
  const insert = (value: string) => sql`INSERT INTO ${sql(name)} VALUES (${value})`
  const seen = Effect.map(sql<Value>`SELECT value FROM ${sql(name)} ORDER BY value`, (rows) =>
    rows.map(({ value }) => value)
  )
  return { sql, insert, seen, table: sql(name) }
})

export const setting = (name: string) =>
  SqlClient.SqlClient.use((sql) =>
    Effect.map(sql<Value>`SELECT current_setting(${name}) AS value`, (rows) => rows[0]?.value)
  )

export const backend = SqlClient.SqlClient.use((sql) =>
  Effect.map(sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`, (rows) => rows[0]?.pid ?? 0)
)

/** No connection is in use, and none of the server's sessions is in a transaction. */
export const allAtRest = Effect.gen(function* () {
  assert.strictEqual((yield* PgPool.use((pool) => pool.stats)).used, 0)
  const { sessions } = yield* Database
  // The pool may be making one: that is starting, and then in no state until it is idle.
  for (const { state } of yield* sessions) assert.include(["idle", "starting", null], state)
})

export const reasonOf = <A, R>(effect: Effect.Effect<A, SqlError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)
