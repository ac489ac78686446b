/**
 * A cancel request for a connection, as an Effect that never fails: by libpq 17 without blocking, by an older one on a
 * thread of libuv's pool, or, where the program blocks its thread, in this one.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Protocol, wait, type Wait, type WaitFd } from "green-core"
import type { Handle, LibpqFunctions } from "../../Libpq.ts"
import { cancel } from "./connect.ts"

/**
 * It is over when the server has been told, or cannot be: whether it has been told. `connection` gives the handle while
 * there is one.
 */
export const cancelRequest = (
  libpq: LibpqFunctions,
  connection: () => Handle | undefined
): Effect.Effect<boolean, never, Wait | WaitFd> => {
  const functions = libpq.cancel
  if (functions !== undefined) {
    const request = function* () {
      const handle = connection()
      if (handle === undefined) return false
      yield* cancel(functions, handle)
      return true
    }
    return Effect.orElseSucceed(Protocol.run(request, { catch: (thrown) => thrown }), () => false)
  }
  const asked = wait.callback<boolean>((resume) => {
    const handle = connection()
    if (handle === undefined) resume(Exit.succeed(false))
    else libpq.PQcancel(handle, (failure) => resume(Exit.succeed(failure === undefined)))
    return () => {}
  })
  const blocking = Effect.sync(() => {
    const handle = connection()
    return handle !== undefined && libpq.cancelBlocking(handle) === undefined
  })
  return Effect.catch(asked, () => blocking)
}
