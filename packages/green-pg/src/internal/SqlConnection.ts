/**
 * A connection as effect/sql wants it.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { PgConnectionShape, QueryOptions } from "../PgConnection.ts"
import { PgError } from "../PgError.ts"
import type { PgResult, Row } from "../PgResult.ts"
import type { Connection, SqlError } from "./effectSql.ts"
import { LiveConnection } from "./LiveConnection.ts"
import { sqlError } from "./sqlError.ts"

type Transform = (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined

export class SqlConnection implements Connection {
  readonly connection: PgConnectionShape

  constructor(connection: PgConnectionShape) {
    this.connection = connection
  }

  execute(sql: string, values: ReadonlyArray<unknown>, transform: Transform) {
    const rows = this.#rows(sql, values, undefined, transform)
    return values.length === 0 && undoes.test(sql) ? Effect.catchIf(rows, isLost, () => Effect.succeed([])) : rows
  }

  executeUnprepared(sql: string, values: ReadonlyArray<unknown>, transform: Transform) {
    return this.#rows(sql, values, unprepared, transform)
  }

  executeRaw(sql: string, values: ReadonlyArray<unknown>): Effect.Effect<PgResult, SqlError.SqlError> {
    return Effect.mapError(this.connection.query(sql, values), sqlError)
  }

  executeStream(sql: string, values: ReadonlyArray<unknown>, transform: Transform) {
    const stream = Stream.mapError(this.connection.stream(sql, values), sqlError)
    return transform === undefined ? stream : Stream.mapArray(stream, (chunk) => transformed(chunk, transform))
  }

  executeValues(sql: string, values: ReadonlyArray<unknown>) {
    return this.#values(sql, values, undefined)
  }

  executeValuesUnprepared(sql: string, values: ReadonlyArray<unknown>) {
    return this.#values(sql, values, unprepared)
  }

  #rows(
    sql: string,
    values: ReadonlyArray<unknown>,
    options: QueryOptions | undefined,
    transform: NonNullable<Transform> = itself
  ) {
    const { connection } = this
    // A connection of ours makes what is wanted of the answer at once.
    return connection instanceof LiveConnection
      ? connection.ask<Row, ReadonlyArray<Row>, SqlError.SqlError>(sql, values, "objects", options, transform, sqlError)
      : Effect.mapBoth(connection.query(sql, values, options), {
          onFailure: sqlError,
          onSuccess: ({ rows }) => transform(rows)
        })
  }

  #values(sql: string, values: ReadonlyArray<unknown>, options: QueryOptions | undefined) {
    const { connection } = this
    return connection instanceof LiveConnection
      ? connection.ask<Values, ReadonlyArray<Values>, SqlError.SqlError>(
          sql,
          values,
          "values",
          options,
          itself,
          sqlError
        )
      : Effect.mapBoth(connection.queryValues(sql, values, options), {
          onFailure: sqlError,
          onSuccess: ({ rows }) => rows
        })
  }
}

type Values = ReadonlyArray<unknown>

const unprepared = { prepare: false } as const

/**
 * What `withTransaction` says at the end of a transaction or savepoint. Its failure would be a defect; but with the
 * connection the transaction is gone, and whoever goes on with it, if only to commit, hears of that.
 */
const undoes = /^(ROLLBACK|(ROLLBACK TO|RELEASE) SAVEPOINT effect_sql_\d+)$/

const isLost = ({ reason }: SqlError.SqlError): boolean => reason._tag === "ConnectionError"

const itself = <A>(rows: A): A => rows

const transformed = (
  chunk: readonly [Row, ...Array<Row>],
  transform: NonNullable<Transform>
): readonly [Row, ...Array<Row>] => {
  const [first = {}, ...rest] = transform(chunk)
  return [first, ...rest]
}

/** PostgreSQL answers `ROLLBACK` to the `COMMIT` of a transaction that has failed. */
export const commit = (connection: Connection): Effect.Effect<void, SqlError.SqlError> =>
  connection instanceof SqlConnection
    ? Effect.flatMap(connection.executeRaw("COMMIT", []), ({ command }) =>
        command === "ROLLBACK"
          ? Effect.fail(sqlError(new PgError({ operation: "commit", reason: { _tag: "RolledBack" } })))
          : Effect.void
      )
    : Effect.asVoid(connection.executeUnprepared("COMMIT", [], undefined))
