/**
 * Descriptors: what counts as one, what readiness is, and how waiting for one can fail.
 *
 * Plain data and pure functions; nothing here waits or touches the operating system.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import { hasProperty } from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Net from "node:net"
import type * as Stream from "node:stream"
import * as Util from "node:util"

/**
 * Anything that has a file descriptor: the number itself, an object with `fd` or `fileno()`, or a socket, server or
 * stream of Node.
 *
 * @category models
 * @since 0.1.0
 */
export type FdLike =
  | number
  | { readonly fd: number | null | undefined }
  | { fileno(): number }
  | Net.Socket
  | Net.Server
  | Stream.Readable
  | Stream.Writable

/**
 * What is waited for: that a read, a write, or either of them would not block.
 *
 * @category models
 * @since 0.1.0
 */
export type Interest = "read" | "write" | "readwrite"

/**
 * What a descriptor is ready for, as far as it was asked. It is a hint, as in poll(2): another reader may be faster,
 * so the read or write that follows must still be non-blocking.
 *
 * @category models
 * @since 0.1.0
 */
export interface Readiness {
  /** A read would not block: there is data, or the end, or an error to collect. */
  readonly readable: boolean
  /** A write would not block: there is room, or an error to collect. */
  readonly writable: boolean
  /** The other side has gone (POLLHUP). */
  readonly hangup: boolean
  /** There is an error to collect (POLLERR); the next read or write names it. */
  readonly error: boolean
}

/**
 * Somebody who waits, as shown by a `Deadlock` and by `VirtualFds.waiting`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Waiting {
  readonly fd: number
  readonly interest: Interest
}

/**
 * Why an operation on a descriptor failed.
 *
 * - `BadDescriptor`: `value` is not an open descriptor; `problem` says what is wrong with it.
 * - `Closing`: the descriptor was announced to close (`WaitFd.notifyClosing`) or its lease was released.
 * - `Busy`: it is leased already, or an exclusive wait met another waiter in the same direction.
 * - `NotGreen`: it can block, so a read or write on it could stop the whole thread.
 * - `Unsupported`: the handler cannot wait for descriptors in this place.
 * - `System`: the operating system said no; `code` is the name of `errno`, such as `EPIPE`.
 * - `Deadlock`: nothing in the virtual world can ever wake the waiters.
 *
 * @category errors
 * @since 0.1.0
 */
export type FdErrorReason =
  | { readonly _tag: "BadDescriptor"; readonly value: unknown; readonly problem: string }
  | { readonly _tag: "Closing" }
  | { readonly _tag: "Busy"; readonly problem: string }
  | { readonly _tag: "NotGreen" }
  | { readonly _tag: "Unsupported"; readonly platform: string; readonly problem: string }
  | { readonly _tag: "System"; readonly errno: number; readonly code: string }
  | { readonly _tag: "Deadlock"; readonly waiters: ReadonlyArray<Waiting> }

/**
 * The failure of an operation on a descriptor. `operation` is what was tried (`"wait"`, `"read"`, `"lease"`, …) and
 * `fd` the number, or `undefined` when the value given had none. Catch one reason with
 * `Effect.catchReason("FdError", "Closing", …)`.
 *
 * @category errors
 * @since 0.1.0
 */
export class FdError extends Data.TaggedError("FdError")<{
  readonly fd: number | undefined
  readonly operation: string
  readonly reason: FdErrorReason
}> {
  override get message(): string {
    const subject = `${this.operation} on descriptor ${this.fd ?? "?"}`
    const reason = this.reason
    switch (reason._tag) {
      case "BadDescriptor":
        return `${this.operation} on ${show(reason.value)}: ${reason.problem}`
      case "Closing":
        return `${subject}: it is being closed; stop using it`
      case "Busy":
        return `${subject}: ${reason.problem}`
      case "NotGreen":
        return `${subject}: it can block, which would stop the whole thread; open it with O_NONBLOCK, or pass { nonBlocking: "set" }`
      case "Unsupported":
        return `${subject}: not supported on ${reason.platform}: ${reason.problem}`
      case "System":
        return `${subject}: ${reason.code} (errno ${reason.errno})`
      case "Deadlock":
        return `${subject}: deadlock: nothing can wake ${reason.waiters
          .map((waiter) => `descriptor ${waiter.fd} (${waiter.interest})`)
          .join(", ")}`
    }
  }
}

const largest = 0x7fffffff

/**
 * The number behind a descriptor, or the `BadDescriptor` error that says what is wrong with the value: not an integer
 * from 0 to 2147483647, an object without a descriptor, a socket not yet connected, a stream that was destroyed.
 * Whether the number is open is not known before somebody asks the operating system.
 *
 * @category conversions
 * @since 0.1.0
 */
export const of = (fd: FdLike, operation: string): Result.Result<number, FdError> => {
  if (typeof fd === "number") return fromNumber(fd, fd, operation)
  if (hasProperty(fd, "fd") && fd.fd !== undefined && fd.fd !== null) return fromNumber(fd.fd, fd, operation)
  if (hasProperty(fd, "fileno") && typeof fd.fileno === "function") {
    try {
      return fromNumber(fd.fileno(), fd, operation)
    } catch (cause) {
      return bad(fd, operation, `its fileno() threw: ${cause instanceof Error ? cause.message : String(cause)}`)
    }
  }
  // A socket of Node has a handle, and the handle a descriptor, before it is connected; until then it is Node's alone.
  if (hasProperty(fd, "_handle") && !(hasProperty(fd, "connecting") && fd.connecting === true)) {
    const handle = fd._handle
    if (hasProperty(handle, "fd") && typeof handle.fd === "number" && handle.fd >= 0) {
      return fromNumber(handle.fd, fd, operation)
    }
  }
  return bad(fd, operation, absence(fd))
}

/**
 * The error of a number under which nothing is open.
 *
 * @category constructors
 * @since 0.1.0
 */
export const badDescriptor = (fd: number, operation: string): FdError =>
  new FdError({
    fd,
    operation,
    reason: {
      _tag: "BadDescriptor",
      value: fd,
      problem: "no open descriptor has this number; it was never opened, or was closed before"
    }
  })

/**
 * The error of a descriptor that was announced to close.
 *
 * @category constructors
 * @since 0.1.0
 */
export const closing = (fd: number, operation: string): FdError =>
  new FdError({ fd, operation, reason: { _tag: "Closing" } })

/**
 * The error of a descriptor that somebody else holds; `problem` says how.
 *
 * @category constructors
 * @since 0.1.0
 */
export const busy = (fd: number, operation: string, problem: string): FdError =>
  new FdError({ fd, operation, reason: { _tag: "Busy", problem } })

/**
 * The error of a place where the handler cannot wait for descriptors.
 *
 * @category constructors
 * @since 0.1.0
 */
export const unsupported = (fd: number | undefined, operation: string, platform: string, problem: string): FdError =>
  new FdError({ fd, operation, reason: { _tag: "Unsupported", platform, problem } })

/**
 * The error that the operating system gave; EBADF is `BadDescriptor`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const system = (fd: number | undefined, operation: string, errno: number): FdError => {
  const code = Util.getSystemErrorName(-errno)
  return code === "EBADF" && fd !== undefined
    ? badDescriptor(fd, operation)
    : new FdError({ fd, operation, reason: { _tag: "System", errno, code } })
}

const fromNumber = (fd: unknown, value: unknown, operation: string): Result.Result<number, FdError> =>
  typeof fd === "number" && Number.isInteger(fd) && fd >= 0 && fd <= largest
    ? Result.succeed(fd)
    : bad(value, operation, `its descriptor is ${show(fd)}; a descriptor is an integer from 0 to ${largest}`)

const bad = (value: unknown, operation: string, problem: string): Result.Result<never, FdError> =>
  Result.fail(
    new FdError({
      fd: typeof value === "number" ? value : undefined,
      operation,
      reason: { _tag: "BadDescriptor", value, problem }
    })
  )

const absence = (value: unknown): string => {
  if (hasProperty(value, "destroyed") && value.destroyed === true) {
    return "it was destroyed and has no descriptor any more"
  }
  if (hasProperty(value, "pending") && value.pending === false) {
    return "it is open, but not known by which descriptor: it stands on another stream, or its runtime (Deno) does not say"
  }
  if (hasProperty(value, "connecting") || hasProperty(value, "pending")) {
    return 'it has no descriptor yet: wait for its "connect" or "open" event first'
  }
  if (hasProperty(value, "listening")) return 'it has no descriptor: call listen and wait for its "listening" event'
  return "it has no descriptor: expected a number, { fd }, { fileno() }, or a socket, server or stream of Node"
}

const show = (value: unknown): string =>
  typeof value === "object" && value !== null ? (value.constructor?.name ?? "an object") : String(value)
