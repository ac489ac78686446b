/**
 * The errors of the drivers, each made in one place.
 */
import { FdError } from "green-core"
import { PgError, type PgErrorReason, type ServerMessage } from "../PgError.ts"

/** The server sent what the protocol does not allow. */
export const violation = (problem: string): PgError =>
  new PgError({ operation: "receive", reason: { _tag: "ProtocolViolation", problem } })

/** What the server answered. */
export const refused = (message: ServerMessage): PgError =>
  new PgError({ operation: "query", reason: { _tag: "Server", message } })

export const aborted = (): PgError => new PgError({ operation: "query", reason: { _tag: "Aborted" } })

export const unreadableValue = (column: string, thrown: unknown): PgError =>
  new PgError({ operation: "query", reason: { _tag: "UnreadableValue", column, problem: messageOf(thrown) } })

export const copyInQuery = (): PgError =>
  new PgError({
    operation: "query",
    reason: { _tag: "Unsupported", feature: "COPY in a query", problem: "use copyIn or copyOut, which carry its data" }
  })

export const wrongEncoding = (encoding: string): PgError =>
  new PgError({
    operation: "receive",
    reason: {
      _tag: "Unsupported",
      feature: `client_encoding ${encoding}`,
      problem: "texts would be read wrong, so the connection was closed; leave client_encoding at UTF8"
    }
  })

export const lost = (problem: string, server?: ServerMessage): PgError =>
  new PgError({
    operation: "receive",
    reason: { _tag: "ConnectionLost", problem, ...(server === undefined ? {} : { server }) }
  })

/** There will be no connection by the wire driver. */
export const notTakenOver = (reason: PgErrorReason): PgError => new PgError({ operation: "connect", reason })

export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))

/** What ended the conversation, as an error. A defect of ours is one of the connection, whose state nobody knows then. */
export const asPgError = (thrown: unknown): PgError => {
  if (thrown instanceof PgError) return thrown
  if (thrown instanceof FdError) {
    return new PgError({
      operation: "query",
      reason:
        thrown.reason._tag === "Closing"
          ? { _tag: "Closed", problem: "the connection was closed" }
          : { _tag: "Wait", error: thrown }
    })
  }
  return new PgError({
    operation: "query",
    reason: { _tag: "ConnectionLost", problem: messageOf(thrown) }
  })
}
