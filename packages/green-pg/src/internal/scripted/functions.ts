/**
 * The functions of libpq on the scripted server: those that connect, and carry bytes. What the C library does beyond is
 * not here, so the driver that calls it for everything is refused.
 *
 * Bytes go to the server within `send`. They come back on a socket, of whatever handles descriptors, so that a client
 * waits for them as for those of a real server. Called by `ScriptedLibpq`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { FdIo } from "green-core"
import { CONNECTION_BAD, CONNECTION_OK, PGRES_POLLING_OK, type Handle, type LibpqFunctions } from "../../Libpq.ts"
import * as PgTypes from "../../PgTypes.ts"
import type { Script, ScriptedLibpqOptions } from "../../testing/ScriptedLibpq.ts"
import { complete, parse } from "./conninfo.ts"
import { Connection } from "./Connection.ts"

/** What `version` claims: a libpq that has everything. */
const version = 180_000

export interface Scripted {
  readonly libpq: LibpqFunctions
  /** Ends all sessions. */
  readonly end: () => void
}

/** A connection, or why there is none. */
interface Held {
  readonly keywords: Readonly<Record<string, string>>
  readonly connection: Connection | undefined
  readonly problem: string
}

export const functions = (script: Script, options: ScriptedLibpqOptions, context: Context.Context<FdIo>): Scripted => {
  const io = Context.get(context, FdIo)
  const types = PgTypes.make()
  const held = new Map<Handle, Held>()
  const cancels = new Map<Handle, Connection>()
  let handles = 0

  const connectionOf = (handle: Handle): Connection | undefined => held.get(handle)?.connection
  const parameters: Readonly<Record<string, string>> = {
    server_version: "18.0",
    server_encoding: "UTF8",
    client_encoding: "UTF8",
    DateStyle: "ISO, MDY",
    TimeZone: "UTC",
    integer_datetimes: "on",
    standard_conforming_strings: "on",
    ...options.parameters
  }

  const open = (): Pick<Held, "connection" | "problem"> => {
    const problem = options.refuses?.()
    if (problem !== undefined) return { connection: undefined, problem }
    const sockets = Effect.runSync(Effect.result(io.makeSocketPair))
    if (Result.isFailure(sockets)) return { connection: undefined, problem: sockets.failure.message }
    const connection = new Connection(handles, sockets.success, { script, types, io, context, notify })
    return { connection, problem: "" }
  }

  const notify = (channel: string, payload: string, processId: number): void => {
    for (const { connection } of held.values()) connection?.session.notified(channel, payload, processId)
  }

  const start = (names: ReadonlyArray<string>, values: ReadonlyArray<string>): Handle => {
    const keywords = complete(names, values)
    handles++
    // Whoever asks for the keywords names a mode that does not exist, and gets no session.
    const isAsked = keywords["sslmode"] === "only asking"
    held.set(handles, { keywords, ...(isAsked ? { connection: undefined, problem: "" } : open()) })
    return handles
  }

  const finish = (handle: Handle): void => {
    connectionOf(handle)?.close()
    held.delete(handle)
  }

  const libpq: LibpqFunctions = {
    path: "scripted",
    version,
    PQconninfoParse: parse,
    PQconninfo: (handle) => held.get(handle)?.keywords ?? {},
    PQconnectStartParams: start,
    PQconnectPoll: () => PGRES_POLLING_OK,
    PQfinish: finish,
    PQstatus: (handle) => (connectionOf(handle)?.isOpen === true ? CONNECTION_OK : CONNECTION_BAD),
    PQsocket: (handle) => connectionOf(handle)?.socket ?? -1,
    PQsetErrorVerbosity: () => 1,
    PQerrorMessage: (handle) => held.get(handle)?.problem ?? "",
    PQparameterStatus: (_handle, name) => parameters[name] ?? null,
    PQbackendPID: (handle) => connectionOf(handle)?.session.processId ?? 0,
    PQtransactionStatus: () => 0,
    PQsslInUse: () => 0,
    PQgssEncInUse: () => 0,
    PQsetnonblocking: () => 0,
    PQisBusy: () => 0,
    PQnotifies: () => undefined,

    recv: (socket, bytes) => {
      for (const { connection } of held.values()) if (connection?.socket === socket) return connection.receive(bytes)
      return -9
    },
    send: (socket, bytes) => {
      for (const { connection } of held.values()) if (connection?.socket === socket) return connection.send(bytes)
      return -9
    },

    cancel: {
      PQcancelCreate: (handle) => {
        const connection = connectionOf(handle)
        if (connection !== undefined) cancels.set(++handles, connection)
        return handles
      },
      PQcancelStart: (cancel) => (cancels.has(cancel) ? 1 : 0),
      PQcancelPoll: (cancel) => {
        cancels.get(cancel)?.session.cancel()
        return PGRES_POLLING_OK
      },
      PQcancelSocket: (cancel) => cancels.get(cancel)?.socket ?? -1,
      PQcancelErrorMessage: () => "there is nothing to cancel",
      PQcancelFinish: (cancel) => void cancels.delete(cancel)
    },
    PQcancel: (handle, done) => {
      connectionOf(handle)?.session.cancel()
      done(undefined)
    },
    cancelBlocking: (handle) => {
      connectionOf(handle)?.session.cancel()
      return undefined
    },
    ...unscripted
  }

  return {
    libpq,
    end: () => {
      for (const handle of [...held.keys()]) finish(handle)
    }
  }
}

const refuse = (): never => {
  throw new Error('the scripted libpq carries bytes only: leave out driver: "libpq"')
}

/** What only the driver `libpq` calls. */
const unscripted = {
  PQconsumeInput: refuse,
  PQflush: refuse,
  PQgetResult: refuse,
  setNoticeReceiver: refuse,
  PQsendQuery: refuse,
  PQsendQueryParams: refuse,
  PQsendPrepare: refuse,
  PQsendQueryPrepared: refuse,
  PQenterPipelineMode: refuse,
  PQexitPipelineMode: refuse,
  PQpipelineSync: refuse,
  PQsendPipelineSync: refuse,
  PQsetSingleRowMode: refuse,
  PQsetChunkedRowsMode: refuse,
  PQsendClosePrepared: refuse,
  PQputCopyData: refuse,
  PQputCopyEnd: refuse,
  getCopyData: refuse,
  PQresultStatus: refuse,
  PQresultErrorField: refuse,
  PQntuples: refuse,
  PQnfields: refuse,
  PQfname: refuse,
  PQftype: refuse,
  PQfmod: refuse,
  PQftable: refuse,
  PQftablecol: refuse,
  PQfformat: refuse,
  PQbinaryTuples: refuse,
  PQgetvalue: refuse,
  getText: refuse,
  PQgetlength: refuse,
  PQgetisnull: refuse,
  PQcmdStatus: refuse,
  PQclear: refuse,
  copyMemory: refuse
}
