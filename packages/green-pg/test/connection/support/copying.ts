/** What tests of COPY are written with. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { PgConnectionShape } from "green-pg"

/** The bytes of a text. */
export const bytes = (text: string) => Buffer.from(text)

/** A table to copy into. */
export const table = (connection: PgConnectionShape) =>
  connection.script("CREATE TEMPORARY TABLE t (id int CONSTRAINT t_id PRIMARY KEY, name text)")

/** What is in it. */
export const rowsOf = (connection: PgConnectionShape) =>
  Effect.map(connection.queryValues("SELECT id, name FROM t ORDER BY id"), ({ rows }) => rows)

/** Copies chunks of data. */
export const copyIn = (connection: PgConnectionShape, sql: string, ...chunks: ReadonlyArray<string | Uint8Array>) =>
  Stream.run(
    Stream.fromIterable(chunks.map((chunk) => (typeof chunk === "string" ? bytes(chunk) : chunk))),
    connection.copyIn(sql)
  )

/** All that is copied out. */
export const copyOut = (connection: PgConnectionShape, sql: string) =>
  Effect.map(Stream.runCollect(connection.copyOut(sql)), (chunks) => Buffer.concat(chunks))

/** Whether the connection goes on. */
export const isFine = (connection: PgConnectionShape) =>
  Effect.gen(function* () {
    assert.deepStrictEqual((yield* connection.query("SELECT 1 AS one")).rows, [{ one: 1 }])
    assert.isTrue(connection.isUsable())
  })
