/**
 * A cancel request for a connection, as an Effect that never fails: by libpq 17 without blocking, by an older one on a
 * thread of libuv's pool, or, where the program blocks its thread, in this one.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Protocol, wait, type Wait, type WaitFd } from "green-core"
import type { Handle, LibpqFunctions } from "../../Libpq.ts"
import { cancel } from "./connect.ts"

/** It is over when the server has been told, or cannot be. */
export const cancelRequest = (libpq: LibpqFunctions, connection: Handle): Effect.Effect<void, never, Wait | WaitFd> => {
  const functions = libpq.cancel
  if (functions !== undefined) {
    return Effect.ignore(Protocol.run(() => cancel(functions, connection), { catch: (thrown) => thrown }))
  }
  const asked = wait.callback<void>((resume) => {
    libpq.PQcancel(connection, () => resume(Exit.void))
    return () => {}
  })
  return Effect.catch(asked, () => Effect.sync(() => void libpq.cancelBlocking(connection)))
}
