/**
 * What a driver is: one established connection, on which requests go out in order and answers come back in order.
 *
 * A driver never waits and knows no fiber. `Pipeline` drives it: sends, flushes, waits for the socket, receives,
 * delivers. There are two: `libpq`, which calls the C library for everything, and `wire`, which speaks the protocol
 * itself on the socket that libpq has connected. Both keep this contract to the letter, and one suite tests both.
 *
 * Types only.
 */
import type { PgError, ServerMessage } from "../PgError.ts"
import type { Field, Parameter } from "../PgTypes.ts"

/**
 * A statement that the server keeps under a name. Made and owned by the cache of statements; the driver marks what it
 * learns: `"new"` is parsed by the next query that uses it, `"parsing"` was asked for and not answered, `"ready"` is on
 * the server.
 */
export interface Statement {
  readonly name: string
  state: "new" | "parsing" | "ready"
  /** The columns of its rows, once the server has said them; empty for a statement that gives none. */
  fields: ReadonlyArray<Field> | undefined
}

export type RowShape = "objects" | "values"

/** A statement by the extended protocol, with parameters. */
export interface QueryRequest {
  readonly _tag: "Query"
  readonly sql: string
  readonly parameters: ReadonlyArray<Parameter>
  /** The name under which the server keeps it; without one it is parsed for this time only. */
  readonly statement: Statement | undefined
  readonly shape: RowShape
  /** How many rows are handed out at a time; 0 hands them out all at once, with the completion. */
  readonly chunk: number
  /** Whether it may be in one implicit transaction with others, since none of them can write. */
  readonly shares: boolean
  /**
   * Whether a Sync follows: the end of an implicit transaction, after which an error is forgotten. The pipeline decides it
   * for those that share, when it sends them.
   */
  sync: boolean
}

/**
 * One or several statements by the simple protocol, without parameters: several statements, or COPY. It is on the
 * connection alone: nothing is sent before it is over, and it is sent when nothing else is on the way. Its values are
 * text.
 */
export interface ScriptRequest {
  readonly _tag: "Script"
  readonly sql: string
}

/** Closes a statement that the server keeps. Rides along with what follows: no Sync, and its failure is nobody's. */
export interface CloseRequest {
  readonly _tag: "Close"
  readonly statement: Statement
}

export type Request = QueryRequest | ScriptRequest | CloseRequest

/** How a statement ended, by its command tag: `"INSERT"` and 3 of `INSERT 0 3`, `"CREATE TABLE"` and 0. */
export interface Completion {
  readonly command: string
  readonly rowCount: number
  /** The columns of the rows; empty when it gives none. */
  readonly fields: ReadonlyArray<Field>
}

/** A COPY that has begun. Formats: 0 is text (and CSV), 1 is binary. */
export interface CopyStart {
  readonly direction: "in" | "out"
  readonly format: 0 | 1
  readonly columnFormats: ReadonlyArray<number>
}

/**
 * A request on its way, and who hears the answers. A driver calls, for each statement of the request,
 * (`onRows`* or `onCopy` `onCopyData`*) and then `onComplete` or `onError`; at last, once, `onEnd`. Nobody of them throws.
 *
 * After `onError` a script goes on with no further statement; a query in a pipeline with others makes those behind it, up
 * to the next `sync`, end with `onError` of reason `Aborted`.
 */
export interface Exchange {
  readonly request: Request
  /** While true the driver hands out no more rows or COPY data of it, and nothing of what comes behind it. */
  readonly paused: boolean
  /** A method, so that whoever asked for objects may say that it gets objects. */
  onRows(rows: Array<unknown>, fields: ReadonlyArray<Field>): void
  readonly onCopy: (copy: CopyStart) => void
  /** The bytes are the receiver's to keep. With text format each is a row, as with libpq. */
  readonly onCopyData: (bytes: Uint8Array) => void
  readonly onComplete: (completion: Completion) => void
  readonly onError: (error: PgError) => void
  readonly onEnd: () => void
}

/** What the server says by itself. */
export interface DriverEvents {
  readonly onNotice: (notice: ServerMessage) => void
  readonly onNotification: (notification: Notification) => void
}

/** A message of NOTIFY. */
export interface Notification {
  readonly channel: string
  readonly payload: string
  readonly processId: number
}

/** As the server reports it with ReadyForQuery; `"active"` while a request is on its way. */
export type TransactionStatus = "idle" | "active" | "in transaction" | "failed" | "unknown"

/** A connection. After it was lost, nothing may be called but `fail` and `close`; after `close`, nothing does anything. */
export interface Driver {
  readonly name: "libpq" | "wire"
  /** The descriptor to wait for. */
  readonly socket: number
  readonly processId: number
  /** Whether it takes `CloseRequest`s: a libpq older than 17 does not. */
  readonly closesStatements: boolean
  /** How many requests were sent whose `onEnd` has not come. */
  readonly outstanding: number
  /** Whether the answers that come next are those of a request that is paused: then nothing more is to be read. */
  readonly paused: boolean
  readonly transaction: TransactionStatus
  /** What the server has reported with ParameterStatus: `server_version`, `TimeZone`, … */
  readonly parameterStatus: (name: string) => string | undefined
  /**
   * Puts a request into the output. Nothing is written to the socket before `flush`, but for what does not fit. Throws a
   * `PgError` (`InvalidInput`) for what cannot be encoded, and then nothing of it is in the output.
   */
  readonly send: (exchange: Exchange) => void
  /** Writes what is in the output, as far as the socket takes it: whether all of it is written. */
  readonly flush: () => boolean
  /** Reads what has arrived, without waiting. Answers why the connection is lost; answers that came before are kept. */
  readonly receive: () => PgError | undefined
  /** Hands out the answers that have arrived completely. Throws a `PgError` (`ProtocolViolation`) when lost by that. */
  readonly deliver: () => void
  /**
   * Puts data of a COPY that has begun into the output; false when it is full: flush, then try the same again. Throws a
   * `PgError` when the connection is lost; answers that came before are kept.
   */
  readonly copyData: (bytes: Uint8Array) => boolean
  /** Ends the COPY; with a `failure` the server drops it and says so in its error. False as with `copyData`. */
  readonly copyEnd: (failure: string | undefined) => boolean
  /** Ends every request on its way with this error, in order. Nothing is sent. */
  readonly fail: (error: PgError) => void
  /** Says goodbye and closes the socket. Idempotent. Whoever waits for the socket has been told before. */
  readonly close: () => void
}
