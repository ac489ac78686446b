/**
 * libpq, PostgreSQL's own C library, as an operation.
 *
 * The service is the functions of the library that this package calls, under their own names: one call each, no policy,
 * nothing that waits. What they mean is said in the PostgreSQL documentation ("libpq - C Library"); what is said here is
 * what differs, since this is JavaScript. Every function is to be called on the thread that loaded the library, and a
 * handle is dead after `PQfinish`, `PQclear` or `PQcancelFinish`: to use it then ends the process. Nobody but the drivers
 * of this package should call them.
 *
 * The handler is the library itself (`Libpq.layer`), or a script in a test (`green-pg/testing`).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Koffi from "./internal/libpq/load.ts"
import { PgError } from "./PgError.ts"

/**
 * A handle of the library: the address of a `PGconn`, `PGresult` or `PGcancelConn`. 0 is none.
 *
 * @category models
 * @since 0.1.0
 */
export type Handle = number

/**
 * `ConnStatusType` and the other constants of `libpq-fe.h`.
 *
 * @category constants
 * @since 0.1.0
 */
export const CONNECTION_OK = 0
/** @since 0.1.0 */
export const CONNECTION_BAD = 1
/** @since 0.1.0 */
export const PGRES_POLLING_FAILED = 0
/** @since 0.1.0 */
export const PGRES_POLLING_READING = 1
/** @since 0.1.0 */
export const PGRES_POLLING_WRITING = 2
/** @since 0.1.0 */
export const PGRES_POLLING_OK = 3
/** @since 0.1.0 */
export const PGRES_EMPTY_QUERY = 0
/** @since 0.1.0 */
export const PGRES_COMMAND_OK = 1
/** @since 0.1.0 */
export const PGRES_TUPLES_OK = 2
/** @since 0.1.0 */
export const PGRES_COPY_OUT = 3
/** @since 0.1.0 */
export const PGRES_COPY_IN = 4
/** @since 0.1.0 */
export const PGRES_SINGLE_TUPLE = 9
/** @since 0.1.0 */
export const PGRES_PIPELINE_SYNC = 10
/** @since 0.1.0 */
export const PGRES_PIPELINE_ABORTED = 11
/** @since 0.1.0 */
export const PGRES_TUPLES_CHUNK = 12

/**
 * A notification, as `PQnotifies` gives it; it is freed already.
 *
 * @category models
 * @since 0.1.0
 */
export interface LibpqNotification {
  readonly channel: string
  readonly processId: number
  readonly payload: string
}

/**
 * The functions. Functions that the installed version may lack are `undefined` there; the rest is in every libpq from 14
 * on. Texts are UTF-8 and end at their first NUL: who calls has refused texts with a NUL in them.
 *
 * @category models
 * @since 0.1.0
 */
export interface LibpqFunctions {
  /** The file that was loaded, as it was named. */
  readonly path: string
  /** `PQlibVersion`: 180004 is 18.4. */
  readonly version: number

  /** The keywords and values of a URI or conninfo text; throws an `Error` with the library's message. */
  readonly PQconninfoParse: (conninfo: string) => Readonly<Record<string, string>>
  /** Every keyword that the library knows, with the value that the connection uses, if it has one. */
  readonly PQconninfo: (connection: Handle) => Readonly<Record<string, string | undefined>>
  readonly PQconnectStartParams: (keywords: ReadonlyArray<string>, values: ReadonlyArray<string>) => Handle
  readonly PQconnectPoll: (connection: Handle) => number
  readonly PQfinish: (connection: Handle) => void
  readonly PQstatus: (connection: Handle) => number
  readonly PQsocket: (connection: Handle) => number
  /** 1 is the default, 2 is verbose: with the SQLSTATE. */
  readonly PQsetErrorVerbosity: (connection: Handle, verbosity: number) => number
  readonly PQerrorMessage: (connection: Handle) => string
  readonly PQparameterStatus: (connection: Handle, name: string) => string | null
  readonly PQbackendPID: (connection: Handle) => number
  readonly PQtransactionStatus: (connection: Handle) => number
  /** Whether TLS is used. */
  readonly PQsslInUse: (connection: Handle) => number
  /** Whether GSSAPI encrypts; `undefined` when this libpq was built without it. */
  readonly PQgssEncInUse: ((connection: Handle) => number) | undefined
  readonly PQsetnonblocking: (connection: Handle, on: number) => number

  readonly PQconsumeInput: (connection: Handle) => number
  readonly PQisBusy: (connection: Handle) => number
  readonly PQflush: (connection: Handle) => number
  readonly PQgetResult: (connection: Handle) => Handle
  readonly PQnotifies: (connection: Handle) => LibpqNotification | undefined
  /**
   * Calls `onNotice` with each notice, within calls to other functions; `undefined` ends it. The result that it is given
   * lives during the call only. What `onNotice` throws is dropped.
   */
  readonly setNoticeReceiver: (connection: Handle, onNotice: ((result: Handle) => void) | undefined) => void

  readonly PQsendQuery: (connection: Handle, sql: string) => number
  /**
   * `PQsendQueryParams` with a binary result. The values are addresses in `Parameters`; types may be 0.
   */
  readonly PQsendQueryParams: (connection: Handle, sql: string, parameters: LibpqParameters) => number
  readonly PQsendPrepare: (connection: Handle, name: string, sql: string, parameters: LibpqParameters) => number
  readonly PQsendQueryPrepared: (connection: Handle, name: string, parameters: LibpqParameters) => number
  readonly PQenterPipelineMode: (connection: Handle) => number
  readonly PQexitPipelineMode: (connection: Handle) => number
  /** A Sync, sent at once. */
  readonly PQpipelineSync: (connection: Handle) => number
  /** A Sync, sent with the next flush: libpq 17. */
  readonly PQsendPipelineSync: ((connection: Handle) => number) | undefined
  readonly PQsetSingleRowMode: (connection: Handle) => number
  /** libpq 17. */
  readonly PQsetChunkedRowsMode: ((connection: Handle, size: number) => number) | undefined
  /** Closes a prepared statement: libpq 17. */
  readonly PQsendClosePrepared: ((connection: Handle, name: string) => number) | undefined

  readonly PQputCopyData: (connection: Handle, bytes: Uint8Array, length: number) => number
  readonly PQputCopyEnd: (connection: Handle, failure: string | null) => number
  /** The data, copied; or -1 at the end, 0 when there is none yet, -2 for an error. */
  readonly getCopyData: (connection: Handle) => Uint8Array | number

  readonly PQresultStatus: (result: Handle) => number
  /** `field` is the code of the field: the ASCII code of `"C"` for the SQLSTATE. */
  readonly PQresultErrorField: (result: Handle, field: number) => string | null
  readonly PQntuples: (result: Handle) => number
  readonly PQnfields: (result: Handle) => number
  readonly PQfname: (result: Handle, column: number) => string
  readonly PQftype: (result: Handle, column: number) => number
  readonly PQfmod: (result: Handle, column: number) => number
  readonly PQftable: (result: Handle, column: number) => number
  readonly PQftablecol: (result: Handle, column: number) => number
  readonly PQfformat: (result: Handle, column: number) => number
  readonly PQbinaryTuples: (result: Handle) => number
  /** The address of the value. */
  readonly PQgetvalue: (result: Handle, row: number, column: number) => number
  /** `PQgetvalue` of a value that is text, as a string: `""` may be NULL. */
  readonly getText: (result: Handle, row: number, column: number) => string
  readonly PQgetlength: (result: Handle, row: number, column: number) => number
  readonly PQgetisnull: (result: Handle, row: number, column: number) => number
  readonly PQcmdStatus: (result: Handle) => string
  readonly PQclear: (result: Handle) => void
  /** Copies memory of the library, as a value that `PQgetvalue` names. The target is memory that does not move. */
  readonly copyMemory: (target: Uint8Array, source: number, length: number) => void

  /** Asks the server to cancel what runs, without blocking: libpq 17. */
  readonly cancel: LibpqCancel | undefined
  /**
   * The same for an older libpq, which blocks: `PQcancel` on a thread of its own, so that `done` is called later, with
   * why it failed. `connection` must stay until then.
   */
  readonly PQcancel: (connection: Handle, done: (failure: string | undefined) => void) => void
  /** The same, blocking this thread. */
  readonly cancelBlocking: (connection: Handle) => string | undefined

  /** `recv` on the socket: how many bytes, 0 at the end, or the negative errno. Never blocks. */
  readonly recv: (socket: number, bytes: Uint8Array) => number
  /** `send` on the socket: how many bytes were taken, or the negative errno. Never blocks, never raises SIGPIPE. */
  readonly send: (socket: number, bytes: Uint8Array) => number
}

/**
 * The functions of a cancel request, libpq 17.
 *
 * @category models
 * @since 0.1.0
 */
export interface LibpqCancel {
  readonly PQcancelCreate: (connection: Handle) => Handle
  readonly PQcancelStart: (cancel: Handle) => number
  readonly PQcancelPoll: (cancel: Handle) => number
  readonly PQcancelSocket: (cancel: Handle) => number
  readonly PQcancelErrorMessage: (cancel: Handle) => string
  readonly PQcancelFinish: (cancel: Handle) => void
}

/**
 * The parameters of a query: `values[i]` is `undefined` for NULL, else the bytes of `buffer` from `start` to `end`.
 * Text must be followed by a NUL there, which does not count.
 *
 * @category models
 * @since 0.1.0
 */
export interface LibpqParameters {
  readonly count: number
  readonly buffer: Uint8Array
  readonly types: Uint32Array
  /** -1 for NULL. */
  readonly starts: Int32Array
  readonly lengths: Int32Array
  /** 0 is text, 1 is binary. */
  readonly formats: Int32Array
}

/**
 * How the library is found.
 *
 * @category models
 * @since 0.1.0
 */
export interface LibpqOptions {
  /** Its file. Without one: the environment variable `GREEN_LIBPQ`, then the system's `libpq.so.5`. */
  readonly path?: string | undefined
}

/**
 * The service.
 *
 * @category services
 * @since 0.1.0
 */
export class Libpq extends Context.Service<Libpq, LibpqFunctions>()("green-pg/Libpq") {
  /**
   * The library itself, loaded when the layer is built. It is loaded with its own symbols first (`RTLD_DEEPBIND`): it
   * must find its own OpenSSL, not the one inside Node.
   *
   * Fails with `PgError`: `LibraryMissing` when there is none that can be loaded, `Unsupported` for one older than 14.
   */
  static readonly layer = (options?: LibpqOptions): Layer.Layer<Libpq, PgError> =>
    Layer.effect(
      Libpq,
      Effect.suspend(() => {
        const loaded = Koffi.load(options?.path)
        return "_tag" in loaded
          ? Effect.fail(new PgError({ operation: "load libpq", reason: loaded }))
          : Effect.succeed(loaded)
      })
    )
}
