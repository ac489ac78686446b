/**
 * How PostgreSQL can fail: one error, with the reason as data.
 *
 * Everything in this package that fails, fails with it. The `SqlClient` of `GreenPg` makes an effect/sql `SqlError` of
 * it and keeps it as the cause.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { FdError } from "green-core"

/**
 * What the server says of an error or a notice: the fields of ErrorResponse and NoticeResponse. `code` is the SQLSTATE;
 * `position` counts characters of the statement, from 1.
 *
 * Source: "Error and Notice Message Fields" of the PostgreSQL documentation.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServerMessage {
  readonly severity: string
  readonly code: string
  readonly message: string
  readonly detail?: string
  readonly hint?: string
  readonly position?: number
  readonly internalPosition?: number
  readonly internalQuery?: string
  readonly where?: string
  readonly schema?: string
  readonly table?: string
  readonly column?: string
  readonly dataType?: string
  readonly constraint?: string
  readonly file?: string
  readonly line?: number
  readonly routine?: string
}

/**
 * Why something failed.
 *
 * - `Server`: the server refused it; `message.code` is the SQLSTATE.
 * - `Aborted`: a statement before it in the same pipeline failed, so the server did not run it.
 * - `RolledBack`: the transaction was to be committed, but a statement in it had failed, so the server rolled it back.
 * - `ConnectFailed`: no connection was made; `attempts` says why, for each address that was tried.
 * - `ConnectionLost`: the connection broke; `server` is the last thing that the server said, if it said anything. Whether
 *   what was on the way has happened is not known.
 * - `Closed`: the connection was closed by this side, or the scope that held it has ended.
 * - `InvalidInput`: something given cannot be sent; nothing was sent.
 * - `InvalidOption`: an option of the connection cannot be.
 * - `UnreadableValue`: a value that the server sent cannot be read as its type.
 * - `ProtocolViolation`: the server sent what the protocol does not allow at this point; the connection was closed.
 * - `LibraryMissing`: libpq could not be loaded; `tried` lists what was tried.
 * - `Unsupported`: the installed libpq, or the server, cannot do it.
 * - `Wait`: waiting for the socket failed.
 *
 * @category errors
 * @since 0.1.0
 */
export type PgErrorReason =
  | { readonly _tag: "Server"; readonly message: ServerMessage }
  | { readonly _tag: "Aborted" }
  | { readonly _tag: "RolledBack" }
  | { readonly _tag: "ConnectFailed"; readonly attempts: ReadonlyArray<FailedAttempt> }
  | { readonly _tag: "ConnectionLost"; readonly problem: string; readonly server?: ServerMessage }
  | { readonly _tag: "Closed"; readonly problem: string }
  | { readonly _tag: "InvalidInput"; readonly subject: string; readonly problem: string }
  | { readonly _tag: "InvalidOption"; readonly option: string; readonly problem: string; readonly cause?: unknown }
  | { readonly _tag: "UnreadableValue"; readonly column: string; readonly problem: string }
  | { readonly _tag: "ProtocolViolation"; readonly problem: string }
  | { readonly _tag: "LibraryMissing"; readonly tried: ReadonlyArray<string>; readonly problem: string }
  | { readonly _tag: "Unsupported"; readonly feature: string; readonly problem: string }
  | { readonly _tag: "Wait"; readonly error: FdError }

/**
 * An address that was tried in vain. `code` is the SQLSTATE when the server refused.
 *
 * @category models
 * @since 0.1.0
 */
export interface FailedAttempt {
  readonly address: string
  readonly problem: string
  readonly code?: string
}

/**
 * The failure of an operation on PostgreSQL. `operation` is what was tried (`"connect"`, `"query"`, `"copyIn"`, …).
 * Catch one reason with `Effect.catchReason("PgError", "Server", …)`.
 *
 * @category errors
 * @since 0.1.0
 */
export class PgError extends Data.TaggedError("PgError")<{
  readonly operation: string
  readonly reason: PgErrorReason
}> {
  override get message(): string {
    return `${this.operation}: ${describe(this.reason)}`
  }

  /** The SQLSTATE, when the server said why. */
  get code(): string | undefined {
    switch (this.reason._tag) {
      case "Server":
        return this.reason.message.code
      case "ConnectionLost":
        return this.reason.server?.code
      case "ConnectFailed":
        return this.reason.attempts.find((attempt) => attempt.code !== undefined)?.code
      default:
        return undefined
    }
  }
}

const describe = (reason: PgErrorReason): string => {
  switch (reason._tag) {
    case "Server":
      return sentence(reason.message)
    case "Aborted":
      return "not run, because a statement before it in the same pipeline failed"
    case "RolledBack":
      return "the server rolled the transaction back, because a statement in it had failed"
    case "ConnectFailed":
      return reason.attempts.map((attempt) => `${attempt.address}: ${attempt.problem}`).join("; ")
    case "ConnectionLost":
      return reason.server === undefined
        ? `the connection is lost: ${reason.problem}`
        : `the connection is lost: ${sentence(reason.server)}`
    case "Closed":
      return reason.problem
    case "InvalidInput":
      return `${reason.subject} ${reason.problem}`
    case "InvalidOption":
      return `option ${reason.option} ${reason.problem}`
    case "UnreadableValue":
      return `column "${reason.column}" cannot be read: ${reason.problem}`
    case "ProtocolViolation":
      return `the server broke the protocol: ${reason.problem}`
    case "LibraryMissing":
      return `libpq could not be loaded (tried ${reason.tried.join(", ")}): ${reason.problem}. Install it (Debian, Ubuntu: libpq5; Fedora: libpq; Alpine: libpq), or name its file in GREEN_LIBPQ or Libpq.layer({ path })`
    case "Unsupported":
      return `${reason.feature} is not supported: ${reason.problem}`
    case "Wait":
      return reason.error.message
  }
}

const sentence = (message: ServerMessage): string =>
  [
    `${message.message} (${message.code}${message.position === undefined ? "" : `, at character ${message.position}`})`,
    ...(message.detail === undefined ? [] : [message.detail]),
    ...(message.hint === undefined ? [] : [message.hint])
  ].join("; ")
