/**
 * A cancel request for a connection, as an Effect that never fails: by libpq 17 without blocking, by an older one on a
 * thread of libuv's pool, or, where the program blocks its thread, in this one.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Protocol, wait, type Wait, type WaitFd } from "green-core"
import type { Handle, LibpqFunctions } from "../../Libpq.ts"
import { cancel } from "./connect.ts"

/** It is over when the server has been told, or cannot be. `connection` gives the handle while there is one. */
export const cancelRequest = (
  libpq: LibpqFunctions,
  connection: () => Handle | undefined
): Effect.Effect<void, never, Wait | WaitFd> => {
  const functions = libpq.cancel
  if (functions !== undefined) {
    const request = function* () {
      const handle = connection()
      if (handle !== undefined) yield* cancel(functions, handle)
    }
    return Effect.ignore(Protocol.run(request, { catch: (thrown) => thrown }))
  }
  const asked = wait.callback<void>((resume) => {
    const handle = connection()
    if (handle === undefined) resume(Exit.void)
    else libpq.PQcancel(handle, () => resume(Exit.void))
    return () => {}
  })
  const blocking = Effect.sync(() => {
    const handle = connection()
    if (handle !== undefined) libpq.cancelBlocking(handle)
  })
  return Effect.catch(asked, () => blocking)
}
