/**
 * A connection as effect/sql wants it.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { PgConnectionShape } from "../PgConnection.ts"
import { PgError } from "../PgError.ts"
import type { PgResult, Row } from "../PgResult.ts"
import type { Connection, SqlError } from "./effectSql.ts"
import { sqlError } from "./sqlError.ts"

type Transform = (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined

export class SqlConnection implements Connection {
  readonly connection: PgConnectionShape

  constructor(connection: PgConnectionShape) {
    this.connection = connection
  }

  execute(sql: string, values: ReadonlyArray<unknown>, transform: Transform) {
    const result = this.connection.query(sql, values)
    return rows(undoes.test(sql) ? Effect.catchIf(result, isLost, nothing) : result, transform)
  }

  executeRaw(sql: string, values: ReadonlyArray<unknown>): Effect.Effect<PgResult, SqlError.SqlError> {
    return Effect.mapError(this.connection.query(sql, values), sqlError)
  }

  executeStream(sql: string, values: ReadonlyArray<unknown>, transform: Transform) {
    const stream = Stream.mapError(this.connection.stream(sql, values), sqlError)
    return transform === undefined ? stream : Stream.mapArray(stream, (chunk) => transformed(chunk, transform))
  }

  executeValues(sql: string, values: ReadonlyArray<unknown>) {
    return rows(this.connection.queryValues(sql, values), undefined)
  }

  executeValuesUnprepared(sql: string, values: ReadonlyArray<unknown>) {
    return rows(this.connection.queryValues(sql, values, unprepared), undefined)
  }

  executeUnprepared(sql: string, values: ReadonlyArray<unknown>, transform: Transform) {
    return rows(this.connection.query(sql, values, unprepared), transform)
  }
}

const unprepared = { prepare: false } as const

/**
 * What `withTransaction` says at the end of a transaction or savepoint. Its failure would be a defect; but with the
 * connection the transaction is gone, and whoever goes on with it, if only to commit, hears of that.
 */
const undoes = /^(ROLLBACK|(ROLLBACK TO|RELEASE) SAVEPOINT effect_sql_\d+)$/

const isLost = ({ reason }: PgError): boolean => reason._tag === "ConnectionLost" || reason._tag === "Closed"

const nothing = (): Effect.Effect<PgResult> => Effect.succeed({ rows: [], fields: [], command: "", rowCount: 0 })

const rows = <A extends object>(
  result: Effect.Effect<PgResult<A>, PgError>,
  transform: Transform
): Effect.Effect<ReadonlyArray<A>, SqlError.SqlError> =>
  Effect.mapBoth(result, {
    onFailure: sqlError,
    onSuccess: transform === undefined ? rowsOf : ({ rows }) => transform(rows)
  })

const rowsOf = <A>({ rows }: PgResult<A>): ReadonlyArray<A> => rows

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
