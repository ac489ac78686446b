/**
 * The wait callback: a C library that is polled until it has what it wants.
 *
 * psycopg2, libpq, libssh2 and others have a function that does as much as it can without blocking and then says what
 * it waits for. Such a library needs nothing else to be green: this module is the callback that waits for it.
 *
 * The contract is that of psycopg2's `set_wait_callback` (`extensions.POLL_OK`, `POLL_READ`, `POLL_WRITE`).
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Fd from "./Fd.ts"
import * as Protocol from "./Protocol.ts"
import type { WaitFd } from "./WaitFd.ts"

/**
 * What a poll answers: `"ok"`, it is done; or what its descriptor has to be ready for before it is asked again.
 *
 * @category models
 * @since 0.1.0
 */
export type PollAnswer = "ok" | Fd.Interest

/**
 * The descriptor to wait for. A function is asked again before each wait, for a library that changes its descriptor on
 * the way, as libpq does while it connects.
 *
 * @category models
 * @since 0.1.0
 */
export type PollSocket = Fd.FdLike | (() => Fd.FdLike)

/**
 * Polls until the answer is `"ok"`, waiting in between: `waitPoll` as a protocol, to be part of a larger one.
 *
 * @category constructors
 * @since 0.1.0
 */
export function* poll(poll: () => PollAnswer, socket: PollSocket): Protocol.Protocol<void> {
  for (;;) {
    const answer = poll()
    switch (answer) {
      case "ok":
        return
      case "read":
      case "write":
      case "readwrite":
        yield Protocol.request(typeof socket === "function" ? socket() : socket, answer)
        break
      default:
        throw new TypeError(
          `waitPoll: poll answered ${String(answer satisfies never)}; it must answer "ok", "read", "write" or "readwrite"`
        )
    }
  }
}

/**
 * Polls until the answer is `"ok"`, waiting in between for the socket. However often it waits, the fiber is resumed
 * once.
 *
 * Fails with the `FdError` of a wait. What `poll` or `socket` throws is a defect, unless `options.catch` makes an error
 * of it (and of the `FdError`s). Interruption withdraws the wait at once and polls no more; what the library has begun
 * is the caller's to end.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { FdIo, Green, waitPoll } from "green-core"
 * import { readSync } from "node:fs"
 *
 * const program = Effect.gen(function*() {
 *   const pipe = yield* FdIo.makePipe
 *   yield* FdIo.write(pipe.writer, new TextEncoder().encode("done"))
 *   const bytes = new Uint8Array(4)
 *   // In real life, poll is a function of the C library.
 *   let asked = 0
 *   yield* waitPoll(() => (asked++ === 0 ? "read" : "ok"), pipe.reader)
 *   readSync(pipe.reader, bytes)
 *   return new TextDecoder().decode(bytes)
 * })
 *
 * console.log(await Effect.runPromise(program.pipe(Effect.provide(Green.layer))))
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export function waitPoll(step: () => PollAnswer, socket: PollSocket): Effect.Effect<void, Fd.FdError, WaitFd>
export function waitPoll<E>(
  step: () => PollAnswer,
  socket: PollSocket,
  options: { readonly catch: (thrown: unknown) => E }
): Effect.Effect<void, E, WaitFd>
export function waitPoll(
  step: () => PollAnswer,
  socket: PollSocket,
  options?: { readonly catch: (thrown: unknown) => unknown }
): Effect.Effect<void, unknown, WaitFd> {
  const protocol = () => poll(step, socket)
  return options === undefined ? Protocol.run(protocol) : Protocol.run(protocol, options)
}
