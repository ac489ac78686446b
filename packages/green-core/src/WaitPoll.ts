/**
 * The wait callback: waits for a C library that is polled until it has what it wants.
 *
 * libpq (`PQconnectPoll`, `PQflush`), libssh2 (`LIBSSH2_ERROR_EAGAIN` and its block directions), OpenSSL
 * (`SSL_ERROR_WANT_READ`) and others have functions that do as much as they can without blocking, and then say what
 * they wait for. Such a library needs no more than this module to be green. The contract is that of psycopg2's
 * `set_wait_callback` (`POLL_OK`, `POLL_READ`, `POLL_WRITE`; for `POLL_ERROR`, throw).
 *
 * It is not for a library with many descriptors or timers of its own: `docs/c-libraries.md` shows how those are done.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import { inspect } from "node:util"
import type * as Fd from "./Fd.ts"
import * as Protocol from "./Protocol.ts"
import type { WaitFd } from "./WaitFd.ts"

/**
 * What a poll answers: `"ok"`, it is done; or what its descriptor has to be ready for before it is polled again.
 *
 * @category models
 * @since 0.1.0
 */
export type PollAnswer = "ok" | Fd.Interest

/**
 * The descriptor to wait for. A function is asked before each wait, after the poll: for a library that changes its
 * descriptor on the way, as libpq does while it connects.
 *
 * @category models
 * @since 0.1.0
 */
export type PollSocket = Fd.FdLike | (() => Fd.FdLike)

/**
 * `waitPoll` as a protocol, to be part of a larger one by `yield*`. It throws what `poll` and `socket` throw, and the
 * `FdError` of a wait.
 *
 * @category constructors
 * @since 0.1.0
 */
export function* protocol(poll: () => PollAnswer, socket: PollSocket): Protocol.Protocol<void> {
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
          `waitPoll: poll answered ${inspect(answer satisfies never)}; it must answer "ok", "read", "write" or "readwrite"`
        )
    }
  }
}

/**
 * Polls until the answer is `"ok"`, waiting in between for the socket. It polls first: what is done at once does not
 * wait. However often it waits, the fiber is resumed once.
 *
 * `poll` must not block. One that asks for what the socket is ready for already is polled again and again, though
 * others have their turn.
 *
 * Fails with the `FdError` of a wait: `BadDescriptor` when the socket is none (-1, as libpq's is after a failure),
 * `Closing` when it was announced to close. What `poll` or `socket` throws is a defect, and so is a `TypeError` for an
 * answer that is none of the four. With `options.catch`, what it makes of any of these is the failure.
 *
 * Interruption withdraws the wait at once and polls no more; what the library has begun is the caller's to end.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { FdIo, Green, waitPoll } from "green-core"
 * import { readSync } from "node:fs"
 *
 * // Stands for a C library: collects a line, as far as it has arrived.
 * let line = ""
 * const pollLine = (fd: number) => {
 *   const byte = new Uint8Array(1)
 *   while (!line.endsWith("\n")) {
 *     try {
 *       readSync(fd, byte)
 *     } catch {
 *       return "read" // EAGAIN
 *     }
 *     line += String.fromCharCode(...byte)
 *   }
 *   return "ok"
 * }
 *
 * const program = Effect.gen(function*() {
 *   const { reader, writer } = yield* FdIo.makePipe
 *   const sending = Effect.delay(FdIo.write(writer, new TextEncoder().encode("hello\n")), "10 millis")
 *   yield* Effect.all([waitPoll(() => pollLine(reader), reader), sending], { concurrency: 2 })
 *   return line
 * })
 *
 * console.log(await Effect.runPromise(program.pipe(Effect.provide(Green.layer))))
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export function waitPoll(poll: () => PollAnswer, socket: PollSocket): Effect.Effect<void, Fd.FdError, WaitFd>
export function waitPoll<E>(
  poll: () => PollAnswer,
  socket: PollSocket,
  options: { readonly catch: (thrown: unknown) => E }
): Effect.Effect<void, E, WaitFd>
export function waitPoll(
  poll: () => PollAnswer,
  socket: PollSocket,
  options?: { readonly catch: (thrown: unknown) => unknown }
): Effect.Effect<void, unknown, WaitFd> {
  const start = () => protocol(poll, socket)
  return options === undefined ? Protocol.run(start) : Protocol.run(start, options)
}
