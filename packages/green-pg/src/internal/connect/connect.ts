/**
 * Connecting and cancelling, as protocols: libpq is polled until it is done, and what it waits for is yielded.
 *
 * While it connects, libpq may close its socket and open another under the same number: so each wait asks for the socket
 * anew, and nothing of a wait is kept for the next.
 */
import { type Protocol, WaitPoll } from "green-core"
import * as Libpq from "../../Libpq.ts"
import type { Handle, LibpqCancel, LibpqFunctions } from "../../Libpq.ts"
import type { Attempt } from "./attempts.ts"

/** What a polling function of libpq answers, for `WaitPoll`. Throws when it failed, with the library's message. */
const answer = (status: number, problem: () => string): WaitPoll.PollAnswer => {
  switch (status) {
    case Libpq.PGRES_POLLING_OK:
      return "ok"
    case Libpq.PGRES_POLLING_READING:
      return "read"
    case Libpq.PGRES_POLLING_WRITING:
      return "write"
    default:
      throw new Error(problem())
  }
}

/** Polls until libpq is done. The first wait is for writing, as if it had been polled and had asked for that. */
function* polled(poll: () => number, socket: () => number, problem: () => string): Protocol.Protocol<void> {
  let first = true
  yield* WaitPoll.protocol(() => {
    if (!first) return answer(poll(), problem)
    first = false
    return "write"
  }, socket)
}

const ordinary = 1
/** With the SQLSTATE, which libpq tells in no other way while it connects. */
const verbose = 2

/** A connection that is ready for queries. Throws an error with the library's message; then, and when stopped, nothing is left. */
export function* connect(libpq: LibpqFunctions, { keywords, values }: Attempt): Protocol.Protocol<Handle> {
  const connection = libpq.PQconnectStartParams(keywords, values)
  if (connection === 0) throw new Error("libpq is out of memory")
  let connected = false
  try {
    const problem = (): string => libpq.PQerrorMessage(connection).trim()
    libpq.PQsetErrorVerbosity(connection, verbose)
    if (libpq.PQstatus(connection) === Libpq.CONNECTION_BAD) throw new Error(problem())
    yield* polled(
      () => libpq.PQconnectPoll(connection),
      () => libpq.PQsocket(connection),
      problem
    )
    libpq.PQsetErrorVerbosity(connection, ordinary)
    connected = true
    return connection
  } finally {
    if (!connected) libpq.PQfinish(connection)
  }
}

/** Asks the server to cancel what the connection runs; it is over when the server has seen to it. Throws when it failed. */
export function* cancel(libpq: LibpqCancel, connection: Handle): Protocol.Protocol<void> {
  const request = libpq.PQcancelCreate(connection)
  try {
    const problem = (): string => libpq.PQcancelErrorMessage(request).trim()
    if (libpq.PQcancelStart(request) !== 1) throw new Error(problem())
    yield* polled(
      () => libpq.PQcancelPoll(request),
      () => libpq.PQcancelSocket(request),
      problem
    )
  } finally {
    libpq.PQcancelFinish(request)
  }
}
