/**
 * What a handler of `waitFd` is: what it is asked for, and what it keeps account of.
 *
 * Types only. `WaitFd` builds the service from them; a handler is written against them.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Fd from "./Fd.ts"
import type * as Handler from "./Handler.ts"

/**
 * What a `WaitFd` handler is asked for: plain data.
 *
 * `exclusive` asks that nobody else waits for the same descriptor in the same direction meanwhile: the one who comes
 * second, exclusive or not, fails `Busy`.
 *
 * @category models
 * @since 0.1.0
 */
export interface WaitFdRequest {
  readonly fd: number
  readonly interest: Fd.Interest
  readonly exclusive: boolean
}

/**
 * How many wait: for reading, for writing (a `"readwrite"` waiter counts in both), and on how many descriptors.
 *
 * @category models
 * @since 0.1.0
 */
export interface WaitFdStatistics {
  readonly readers: number
  readonly writers: number
  readonly descriptors: number
}

/**
 * A handler's answer to `waitFd`.
 *
 * @category models
 * @since 0.1.0
 */
export type WaitFdClause = Handler.Clause<WaitFdRequest, Fd.Readiness, Fd.FdError>

/**
 * What a handler knows of its waiters. A handler that keeps no account of its own leaves it out: `WaitFd.fromClause`
 * and `WaitFd.fromEffect` then keep one.
 *
 * @category models
 * @since 0.1.0
 */
export interface WaitFdAccount {
  /** Fails every waiter of the descriptor with `Closing`, and forgets the descriptor. */
  readonly notifyClosing: (fd: number) => void
  readonly statistics: () => WaitFdStatistics
  /** The descriptors that are leased through this handler. */
  readonly leased: Set<number>
}

/**
 * A handler of `waitFd`. `wait` is its face for programs and `register` the one for protocols and other callers that
 * are not fibers.
 *
 * @category models
 * @since 0.1.0
 */
export interface WaitFdHandler {
  readonly wait: (request: WaitFdRequest) => Effect.Effect<Fd.Readiness, Fd.FdError>
  readonly register: WaitFdClause
  readonly account: WaitFdAccount
}
