/**
 * A descriptor taken for a scope: one holder, never blocking, closed in the right order.
 *
 * Made by `WaitFd.lease`; this module holds what it gives.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Fd from "./Fd.ts"
import type { WouldBlock } from "./FdIo.ts"

/**
 * How a lease is taken.
 *
 * @category models
 * @since 0.1.0
 */
export interface LeaseOptions {
  /**
   * What to do with a descriptor that can block: `"refuse"` it with `NotGreen` (the default), or `"set"` O_NONBLOCK and
   * clear it again on release. The flag belongs to the open file, so duplicates of the descriptor change with it.
   */
  readonly nonBlocking?: "refuse" | "set"
  /**
   * What to do on release, after the waiters were told: `"close"` the descriptor (the default), or `"keep"` it open,
   * for one that belongs to somebody else.
   */
  readonly onRelease?: "close" | "keep"
}

/**
 * How `Lease.io` is carried out.
 *
 * @category models
 * @since 0.1.0
 */
export interface LeaseIoOptions {
  /**
   * `"try"` first and wait if that would block (the default: best when data are likely there, as in bulk), or `"wait"`
   * first (best when they are likely not, as for an answer).
   */
  readonly first?: "try" | "wait"
}

/**
 * A leased descriptor. It is itself an `FdLike`.
 *
 * After the release every operation fails with `Closing`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lease {
  readonly fd: number
  /** Waits until it is ready; as `waitFd`. */
  readonly wait: (interest: Fd.Interest) => Effect.Effect<Fd.Readiness, Fd.FdError>
  /**
   * Runs `tryOnce`, which must not block, until it no longer answers `WouldBlock`, waiting in between.
   *
   * An error thrown by `tryOnce` that carries `errno` and `code`, as those of `node:fs` do, fails with `System`, except
   * that EAGAIN counts as `WouldBlock`; an `FdError` fails as it is; anything else is a defect.
   */
  readonly io: <A>(
    direction: "read" | "write",
    tryOnce: () => A | WouldBlock,
    options?: LeaseIoOptions
  ) => Effect.Effect<A, Fd.FdError>
  /** Releases before the scope ends. Safe to call again. */
  readonly release: Effect.Effect<void>
}
