/**
 * Non-blocking input and output on descriptors, as an operation, so that a virtual descriptor can carry data too.
 *
 * Nothing here ever waits: a read or write that would have to answers `WouldBlock`. Waiting is `waitFd`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fd from "./Fd.ts"

/**
 * The answer of a read or write that would have to wait.
 *
 * @category models
 * @since 0.1.0
 */
export const WouldBlock: unique symbol = Symbol.for("green-core/WouldBlock")

/**
 * @category models
 * @since 0.1.0
 */
export type WouldBlock = typeof WouldBlock

/**
 * The two ends of a pipe.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pipe {
  readonly reader: number
  readonly writer: number
}

/**
 * What a `FdIo` handler is asked for: plain data, but for the bytes.
 *
 * @category models
 * @since 0.1.0
 */
export type FdIoRequest =
  | { readonly operation: "read"; readonly fd: number; readonly bytes: Uint8Array }
  | { readonly operation: "write"; readonly fd: number; readonly bytes: Uint8Array }
  | { readonly operation: "shutdown"; readonly fd: number }
  | { readonly operation: "close"; readonly fd: number }
  | { readonly operation: "makePipe" }
  | { readonly operation: "makeSocketPair" }
  | { readonly operation: "isNonBlocking"; readonly fd: number }
  | { readonly operation: "setNonBlocking"; readonly fd: number; readonly nonBlocking: boolean }

/**
 * The service that carries out input and output. The handler's methods take numbers; the operations, which are the
 * static members, take anything that has a descriptor.
 *
 * Reading and writing fail with `FdError`: `BadDescriptor` when nothing is open under the number, `System` for what
 * the operating system says otherwise (`EPIPE`, `ECONNRESET`, `EIO` …). A descriptor that can block blocks the thread:
 * `WaitFd.lease` refuses it.
 *
 * @category services
 * @since 0.1.0
 */
export class FdIo extends Context.Service<
  FdIo,
  {
    readonly read: (fd: number, bytes: Uint8Array) => Effect.Effect<number | WouldBlock, Fd.FdError>
    readonly write: (fd: number, bytes: Uint8Array) => Effect.Effect<number | WouldBlock, Fd.FdError>
    readonly shutdown: (fd: number) => Effect.Effect<void, Fd.FdError>
    readonly close: (fd: number) => Effect.Effect<void, Fd.FdError>
    readonly makePipe: Effect.Effect<Pipe, Fd.FdError>
    readonly makeSocketPair: Effect.Effect<readonly [number, number], Fd.FdError>
    readonly isNonBlocking: (fd: number) => Effect.Effect<boolean, Fd.FdError>
    readonly setNonBlocking: (fd: number, nonBlocking: boolean) => Effect.Effect<void, Fd.FdError>
  }
>()("green-core/FdIo") {
  /** Reads into `bytes`: how many bytes were read, 0 at the end of the stream. */
  static readonly read = (fd: Fd.FdLike, bytes: Uint8Array): Effect.Effect<number | WouldBlock, Fd.FdError, FdIo> =>
    on(fd, "read", (io, number) => io.read(number, bytes))

  /** Writes from `bytes`: how many bytes were taken, perhaps fewer than there are. */
  static readonly write = (fd: Fd.FdLike, bytes: Uint8Array): Effect.Effect<number | WouldBlock, Fd.FdError, FdIo> =>
    on(fd, "write", (io, number) => io.write(number, bytes))

  /** Ends the writing direction of a socket: its peer reads the end, and can still write. */
  static readonly shutdown = (fd: Fd.FdLike): Effect.Effect<void, Fd.FdError, FdIo> =>
    on(fd, "shutdown", (io, number) => io.shutdown(number))

  /** Closes the descriptor. Who waits for it is not told: `WaitFd.notifyClosing` first, or use a lease. */
  static readonly close = (fd: Fd.FdLike): Effect.Effect<void, Fd.FdError, FdIo> =>
    on(fd, "close", (io, number) => io.close(number))

  /** Makes a pipe, both ends non-blocking. They are yours to close: give each to `WaitFd.lease`. */
  static readonly makePipe: Effect.Effect<Pipe, Fd.FdError, FdIo> = Effect.suspend(() => FdIo.use((io) => io.makePipe))

  /** Makes two connected stream sockets, both non-blocking. They are yours to close: give each to `WaitFd.lease`. */
  static readonly makeSocketPair: Effect.Effect<readonly [number, number], Fd.FdError, FdIo> = Effect.suspend(() =>
    FdIo.use((io) => io.makeSocketPair)
  )

  /**
   * Whether a read or write on the descriptor never blocks: O_NONBLOCK is set, or it is of a kind that is always
   * ready (a regular file, a directory, /dev/null).
   */
  static readonly isNonBlocking = (fd: Fd.FdLike): Effect.Effect<boolean, Fd.FdError, FdIo> =>
    on(fd, "isNonBlocking", (io, number) => io.isNonBlocking(number))

  /**
   * Sets or clears O_NONBLOCK. The flag belongs to the open file, not to the number: every duplicate of the
   * descriptor changes with it, in other processes too (a terminal is shared with the shell).
   */
  static readonly setNonBlocking = (fd: Fd.FdLike, nonBlocking: boolean): Effect.Effect<void, Fd.FdError, FdIo> =>
    on(fd, "setNonBlocking", (io, number) => io.setNonBlocking(number, nonBlocking))

  /**
   * Interposes: a layer that answers every operation by `handle`, above the `FdIo` that it is provided with. `next`
   * performs the request outward; a changed request must be of the same operation.
   *
   * @example
   * ```ts
   * import * as Effect from "effect/Effect"
   * import { FdIo } from "green-core"
   *
   * // Every read gives one byte at most: does the program under test assemble its messages?
   * export const shortReads = FdIo.around((request, next) =>
   *   request.operation === "read" ? next({ ...request, bytes: request.bytes.subarray(0, 1) }) : next()
   * )
   * ```
   */
  static readonly around = (
    handle: <A>(
      request: FdIoRequest,
      next: (request?: FdIoRequest) => Effect.Effect<A, Fd.FdError>
    ) => Effect.Effect<A, Fd.FdError>
  ): Layer.Layer<FdIo, never, FdIo> =>
    Layer.effect(
      FdIo,
      FdIo.useSync((outer) => {
        const interpose = <A>(request: FdIoRequest, perform: (request: FdIoRequest) => Effect.Effect<A, Fd.FdError>) =>
          Effect.suspend(() => handle<A>(request, (changed) => perform(changed ?? request)))
        return FdIo.of({
          read: (fd, bytes) =>
            interpose({ operation: "read", fd, bytes }, (request) =>
              request.operation === "read" ? outer.read(request.fd, request.bytes) : mismatch("read", request)
            ),
          write: (fd, bytes) =>
            interpose({ operation: "write", fd, bytes }, (request) =>
              request.operation === "write" ? outer.write(request.fd, request.bytes) : mismatch("write", request)
            ),
          shutdown: (fd) =>
            interpose({ operation: "shutdown", fd }, (request) =>
              request.operation === "shutdown" ? outer.shutdown(request.fd) : mismatch("shutdown", request)
            ),
          close: (fd) =>
            interpose({ operation: "close", fd }, (request) =>
              request.operation === "close" ? outer.close(request.fd) : mismatch("close", request)
            ),
          makePipe: interpose({ operation: "makePipe" }, (request) =>
            request.operation === "makePipe" ? outer.makePipe : mismatch("makePipe", request)
          ),
          makeSocketPair: interpose({ operation: "makeSocketPair" }, (request) =>
            request.operation === "makeSocketPair" ? outer.makeSocketPair : mismatch("makeSocketPair", request)
          ),
          isNonBlocking: (fd) =>
            interpose({ operation: "isNonBlocking", fd }, (request) =>
              request.operation === "isNonBlocking"
                ? outer.isNonBlocking(request.fd)
                : mismatch("isNonBlocking", request)
            ),
          setNonBlocking: (fd, nonBlocking) =>
            interpose({ operation: "setNonBlocking", fd, nonBlocking }, (request) =>
              request.operation === "setNonBlocking"
                ? outer.setNonBlocking(request.fd, request.nonBlocking)
                : mismatch("setNonBlocking", request)
            )
        })
      })
    )
}

const on = <A>(
  fd: Fd.FdLike,
  operation: string,
  perform: (io: FdIo["Service"], number: number) => Effect.Effect<A, Fd.FdError>
): Effect.Effect<A, Fd.FdError, FdIo> =>
  FdIo.use((io) => Effect.flatMap(Effect.fromResult(Fd.of(fd, operation)), (number) => perform(io, number)))

const mismatch = (operation: string, request: FdIoRequest) =>
  Effect.die(
    new Error(`FdIo.around: next was given a "${request.operation}" in place of a "${operation}"; keep the operation`)
  )
