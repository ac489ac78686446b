/**
 * A connection to PostgreSQL.
 *
 * libpq connects and authenticates, whatever its conninfo asks for. From then on one of two drivers speaks: `wire`
 * speaks the protocol itself where the socket is plain, and `libpq` calls the library for everything, which it does
 * where the connection is encrypted. What a program sees is the same.
 *
 * Any number of fibers may use a connection at the same time. What they ask goes out in order, without waiting for the
 * answers before it; each statement is a transaction of its own. `hold` keeps the others out.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { FdIo, Wait, WaitFd } from "green-core"
import type { ConnectOptions } from "./ConnectOptions.ts"
import { LiveConnection } from "./internal/LiveConnection.ts"
import type { Notification, TransactionStatus } from "./internal/Driver.ts"
import { Libpq } from "./Libpq.ts"
import type { PgError, ServerMessage } from "./PgError.ts"
import type { PgResult, PgStatement, Row } from "./PgResult.ts"
import type { PgTypes } from "./PgTypes.ts"

export type { Notification, TransactionStatus } from "./internal/Driver.ts"

/**
 * How a connection is made and used, beside what to connect to.
 *
 * @category models
 * @since 0.1.0
 */
export interface PgConnectionOptions extends ConnectOptions {
  /**
   * Who speaks on the connection: `"wire"` (the default) is faster; it needs a socket that is not encrypted, and leaves
   * one that is to `"libpq"`.
   */
  readonly driver?: "wire" | "libpq" | undefined
  /** The types that values are read and sent as: `PgTypes.make()` unless said. Connections may share them. */
  readonly types?: PgTypes | undefined
  /**
   * Whether the session is read only (`default_transaction_read_only`), so that the server refuses whatever writes.
   * `false` unless said. Statements of different fibers that go out together then are one transaction
   * to the server, which spares it more than half of its work for each; one that fails is run apart from the others. For
   * pools of readers with `multiplex`, and replicas. Do not turn the setting off in the session.
   */
  readonly readOnly?: boolean | undefined
  /**
   * Whether statements are kept on the server under a name, so that they are parsed and planned once. `true` unless
   * said. `false` for a pooler between that gives each transaction another session (pgbouncer before 1.21, or without
   * `max_prepared_statements`).
   */
  readonly prepare?: boolean | undefined
  /** How many statements are kept: 100 unless said. What was used least recently goes first. */
  readonly preparedStatements?: number | undefined
}

/**
 * How a statement is run.
 *
 * @category models
 * @since 0.1.0
 */
export interface QueryOptions {
  /** Whether the statement is kept on the server; as the connection unless said. */
  readonly prepare?: boolean | undefined
}

/**
 * How rows are streamed.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamOptions extends QueryOptions {
  /** How many rows are taken at a time: 1000 unless said. At most three times as many are in memory. */
  readonly chunkSize?: number | undefined
}

/**
 * A connection.
 *
 * Parameters are `$1`, `$2`, … and are sent apart from the statement. How values are sent and read says `PgTypes`.
 *
 * An operation that is interrupted leaves the connection as it was: what was not sent is not sent; what runs is
 * cancelled on the server, and the interruption waits until the server has ended it (5 seconds at most, then the
 * connection is closed). When others have asked something on the same connection meanwhile, nothing is cancelled, since
 * that could meet theirs: it runs to its end and its answer is dropped.
 *
 * Every operation fails with `PgError`: `Server` for what the server refuses, `InvalidInput` for what cannot be sent (a
 * NUL in a text, a value without a type), `UnreadableValue`, `ConnectionLost`, `Closed`.
 *
 * @category models
 * @since 0.1.0
 */
export interface PgConnectionShape {
  readonly driver: "wire" | "libpq"
  /** The process of the server that serves it. */
  readonly processId: number
  readonly types: PgTypes
  /**
   * Whether it can be used: it is open, and nothing that is still under way could meet the next statement. Reads what the
   * server has sent meanwhile, without waiting, so that one that has gone is noticed.
   */
  readonly isUsable: () => boolean
  /** Whether a transaction is open on it, as the server has said last. */
  readonly transaction: TransactionStatus
  /** What the server reports of itself: `server_version`, `TimeZone`, `in_hot_standby`, … */
  readonly parameterStatus: (name: string) => string | undefined

  /** Runs one statement; rows are objects. */
  readonly query: (
    sql: string,
    parameters?: ReadonlyArray<unknown>,
    options?: QueryOptions
  ) => Effect.Effect<PgResult, PgError>
  /** Runs one statement; rows are arrays. */
  readonly queryValues: (
    sql: string,
    parameters?: ReadonlyArray<unknown>,
    options?: QueryOptions
  ) => Effect.Effect<PgResult<ReadonlyArray<unknown>>, PgError>
  /**
   * Runs one or several statements, separated by semicolons, without parameters. All of them are one transaction, unless
   * they say otherwise. Values are text, as PostgreSQL prints them.
   */
  readonly script: (sql: string) => Effect.Effect<ReadonlyArray<PgResult>, PgError>
  /**
   * Sends statements in one go, and gives their results. They are one transaction: when one fails, nothing of it has
   * happened, and the error is of that one.
   */
  readonly pipeline: (statements: ReadonlyArray<PgStatement>) => Effect.Effect<ReadonlyArray<PgResult>, PgError>
  /**
   * The rows of a statement, taken from the server as they are needed. The connection is held while the stream runs; one
   * that ends early cancels the statement. A holder who asks for something else meanwhile has the rest of the rows read
   * into memory; on a connection that is not held, that waits for the end of the stream.
   */
  readonly stream: (
    sql: string,
    parameters?: ReadonlyArray<unknown>,
    options?: StreamOptions
  ) => Stream.Stream<Row, PgError>
  /**
   * A sink of the data of a `COPY … FROM STDIN`; it gives the number of rows. The connection is held while it runs. When
   * the stream fails or is interrupted nothing is copied.
   */
  readonly copyIn: (sql: string) => Sink.Sink<number, Uint8Array, never, PgError>
  /** The data of a `COPY … TO STDOUT`. The connection is held while the stream runs. */
  readonly copyOut: (sql: string) => Stream.Stream<Uint8Array, PgError>

  /**
   * Listens to a channel until the scope ends. What is notified after this has succeeded is in the queue, however long it
   * gets; a connection that is lost fails it. Statements may be run on the connection meanwhile.
   */
  readonly listen: (channel: string) => Effect.Effect<Queue.Dequeue<Notification, PgError>, PgError, Scope.Scope>
  /** The notifications of a channel, as a stream: from when it is run on. */
  readonly notifications: (channel: string) => Stream.Stream<Notification, PgError>
  readonly notify: (channel: string, payload?: string) => Effect.Effect<void, PgError>
  /** The notices of the server, from when it is run on. Nobody needs to hear them. */
  readonly notices: Stream.Stream<ServerMessage, PgError>

  /**
   * Holds the connection for a scope: it is this holder's alone when everything that was asked before is answered. Use
   * what this gives; through the original, others wait. A transaction that is open at the end is rolled back. To hold it
   * again while it is held is the same.
   */
  readonly hold: Effect.Effect<PgConnectionShape, PgError, Scope.Scope>
  /**
   * Makes the session as new: `DISCARD ALL`. Statements that were kept are prepared anew. It cannot be run within a
   * transaction.
   */
  readonly reset: Effect.Effect<void, PgError>
  /** Loads types of the database, by their names: enums, domains, composite types, ranges, extensions. */
  readonly loadTypes: (names: ReadonlyArray<string>) => Effect.Effect<void, PgError>
}

/**
 * The service of a single connection. For many, see `PgPool`.
 *
 * @example
 * ```ts no-run
 * import * as Effect from "effect/Effect"
 * import { Green } from "green-core"
 * import { Libpq, PgConnection } from "green-pg"
 *
 * const program = Effect.gen(function*() {
 *   const connection = yield* PgConnection.make({ url: "postgresql://localhost/app" })
 *   const { rows } = yield* connection.query("SELECT name FROM users WHERE id = $1", [1])
 *   return rows
 * }).pipe(Effect.scoped)
 *
 * await Effect.runPromise(program.pipe(Effect.provide([Libpq.layer(), Green.layer])))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class PgConnection extends Context.Service<PgConnection, PgConnectionShape>()("green-pg/PgConnection") {
  /**
   * Connects. The connection is closed at the end of the scope: what is on its way then fails with `Closed`.
   *
   * Fails with `PgError`: `InvalidOption`, or `ConnectFailed` with the reason for each address that was tried.
   */
  static readonly make = (
    options: PgConnectionOptions
  ): Effect.Effect<PgConnectionShape, PgError, Libpq | Wait | WaitFd | FdIo | Scope.Scope> =>
    Libpq.use((libpq) => LiveConnection.make(libpq, options))

  static readonly layer = (
    options: PgConnectionOptions
  ): Layer.Layer<PgConnection, PgError, Libpq | Wait | WaitFd | FdIo> =>
    Layer.effect(PgConnection, PgConnection.make(options))
}
