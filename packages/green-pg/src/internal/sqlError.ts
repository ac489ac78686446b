/**
 * A `PgError` as the error of effect/sql, by its SQLSTATE. The `PgError` is its cause, with all that the server said.
 */
import type { PgError } from "../PgError.ts"
import { SqlError } from "./effectSql.ts"

export const sqlError = (error: PgError): SqlError.SqlError => new SqlError.SqlError({ reason: reasonOf(error) })

const reasonOf = (error: PgError): SqlError.SqlErrorReason => {
  const common = { cause: error, message: error.message, operation: error.operation }
  switch (error.reason._tag) {
    case "Server":
      return byState(error.reason.message.code, error.reason.message.constraint, common)
    case "ConnectFailed":
      return error.code?.startsWith("28") === true
        ? new SqlError.AuthenticationError(common)
        : new SqlError.ConnectionError(common)
    case "ConnectionLost":
    case "Closed":
    case "ProtocolViolation":
    case "Wait":
      return new SqlError.ConnectionError(common)
    default:
      return new SqlError.UnknownError(common)
  }
}

interface Common {
  readonly cause: PgError
  readonly message: string
  readonly operation: string
}

/** As @effect/sql-pg does it, but that a server which goes down (57P01 to 57P03) is a lost connection. */
const byState = (code: string, constraint: string | undefined, common: Common): SqlError.SqlErrorReason => {
  switch (code) {
    case "42501":
      return new SqlError.AuthorizationError(common)
    case "23505":
      return new SqlError.UniqueViolation({ ...common, constraint: constraint ?? "unknown" })
    case "40P01":
      return new SqlError.DeadlockError(common)
    case "40001":
      return new SqlError.SerializationError(common)
    case "55P03":
      return new SqlError.LockTimeoutError(common)
    case "57014":
      return new SqlError.StatementTimeoutError(common)
    case "57P01":
    case "57P02":
    case "57P03":
      return new SqlError.ConnectionError(common)
  }
  switch (code.slice(0, 2)) {
    case "08":
      return new SqlError.ConnectionError(common)
    case "23":
      return new SqlError.ConstraintError(common)
    case "28":
      return new SqlError.AuthenticationError(common)
    case "42":
      return new SqlError.SqlSyntaxError(common)
    default:
      return new SqlError.UnknownError(common)
  }
}
