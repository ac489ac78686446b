/**
 * The operation `waitFd`: wait until a descriptor is ready, consuming nothing.
 *
 * Who waits, and how, is the handler's matter: an epoll set on the event loop, the blocked thread itself, a virtual
 * world in a test, or ten lines of your own. This module holds the request, the service, and what is built on the
 * service alone: interposition and leases.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Fd from "./Fd.ts"
import { FdIo } from "./FdIo.ts"
import * as Handler from "./Handler.ts"
import * as Ledger from "./internal/Ledger.ts"
import type { Lease, LeaseOptions } from "./Lease.ts"
import { acquire } from "./internal/lease.ts"
import type { WaitFdAccount, WaitFdClause, WaitFdHandler, WaitFdRequest, WaitFdStatistics } from "./WaitFdHandler.ts"

/**
 * The service that carries out `waitFd`.
 *
 * Write a handler as a clause or as an Effect, whichever is shorter:
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Exit from "effect/Exit"
 * import * as Layer from "effect/Layer"
 * import { Handler, WaitFd, waitFd } from "green-core"
 *
 * // Every descriptor is ready, always.
 * const alwaysReady = Layer.succeed(
 *   WaitFd,
 *   WaitFd.fromClause((request, resume) => {
 *     resume(Exit.succeed({ readable: true, writable: true, hangup: false, error: false }))
 *     return Handler.nothingToWithdraw
 *   })
 * )
 *
 * const readiness = await Effect.runPromise(waitFd(7).pipe(Effect.provide(alwaysReady)))
 * console.log(readiness.readable)
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class WaitFd extends Context.Service<WaitFd, WaitFdHandler>()("green-core/WaitFd") {
  /**
   * Builds the service from a clause. The clause is held to its contract: a second `resume`, or one after the
   * withdrawal, is ignored. Without an `account` one is kept for it, so that `notifyClosing`, `statistics` and
   * `exclusive` work.
   */
  static readonly fromClause = (clause: WaitFdClause, account?: WaitFdAccount): WaitFdHandler => {
    const kept = account === undefined ? Ledger.make(clause) : { clause: Handler.once(clause), account }
    return {
      wait: (request) => Handler.perform(kept.clause, request),
      register: kept.clause,
      account: kept.account
    }
  }

  /** Builds the service from a function to Effects. A request that is withdrawn interrupts its Effect. */
  static readonly fromEffect = (
    handle: (request: WaitFdRequest) => Effect.Effect<Fd.Readiness, Fd.FdError>,
    account?: WaitFdAccount
  ): WaitFdHandler => WaitFd.fromClause(Handler.clause(handle), account)

  /**
   * Interposes: a layer that answers `waitFd` by `handle`, above the `WaitFd` that it is provided with. `next`
   * performs the request outward, changed or not; its result is the resumption. `handle` runs in the fiber of the
   * caller and sees its context. `notifyClosing` and `statistics` are those of the handler underneath, so they do not
   * know of a wait that `handle` holds back.
   *
   * A layer value that is provided twice is built once, as every layer is, and so interposes once: call `around`
   * again for a second one.
   *
   * @example
   * ```ts
   * import * as Effect from "effect/Effect"
   * import * as Layer from "effect/Layer"
   * import { Green, WaitFd, waitFd } from "green-core"
   *
   * const traced = WaitFd.around((request, next) => {
   *   console.log(`waiting for ${request.interest}`)
   *   return next()
   * })
   *
   * await Effect.runPromise(waitFd(1, "write").pipe(Effect.provide(traced.pipe(Layer.provideMerge(Green.layer)))))
   * ```
   */
  static readonly around = (
    handle: (
      request: WaitFdRequest,
      next: (request?: WaitFdRequest) => Effect.Effect<Fd.Readiness, Fd.FdError>
    ) => Effect.Effect<Fd.Readiness, Fd.FdError>
  ): Layer.Layer<WaitFd, never, WaitFd> =>
    Layer.effect(
      WaitFd,
      WaitFd.useSync((outer) => {
        const wait = (request: WaitFdRequest) =>
          Effect.suspend(() => handle(request, (changed) => outer.wait(changed ?? request)))
        return { wait, register: Handler.clause(wait), account: outer.account }
      })
    )

  /**
   * Tells the handler that a descriptor is about to be closed: everybody who waits for it fails with `Closing`.
   * Harmless when nobody waits. Close the descriptor right after, in the same turn.
   *
   * Without it, a descriptor that is closed under its waiters leaves them waiting: never a crash and never a spin,
   * but only interruption ends the wait.
   */
  static readonly notifyClosing = (fd: Fd.FdLike): Effect.Effect<void, Fd.FdError, WaitFd> =>
    Effect.flatMap(Effect.fromResult(Fd.of(fd, "notifyClosing")), (number) =>
      WaitFd.useSync((handler) => handler.account.notifyClosing(number))
    )

  /** How many wait at this moment. */
  static readonly statistics: Effect.Effect<WaitFdStatistics, never, WaitFd> = Effect.suspend(() =>
    WaitFd.useSync((handler) => handler.account.statistics())
  )

  /**
   * Takes a descriptor for the scope: one holder at a time (a second lease fails `Busy`), refused when it can block
   * (`NotGreen`, unless `nonBlocking: "set"`). When the scope ends, waiters are told, then it is closed.
   *
   * @example
   * ```ts
   * import * as Effect from "effect/Effect"
   * import { FdIo, Green, WaitFd } from "green-core"
   *
   * const program = Effect.gen(function*() {
   *   const pipe = yield* FdIo.makePipe
   *   const reader = yield* WaitFd.lease(pipe.reader)
   *   const writer = yield* WaitFd.lease(pipe.writer)
   *   yield* FdIo.write(writer, new TextEncoder().encode("hello"))
   *   const readiness = yield* reader.wait("read")
   *   return readiness.readable
   * })
   *
   * console.log(await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Green.layer))))
   * ```
   */
  static readonly lease = (
    fd: Fd.FdLike,
    options?: LeaseOptions
  ): Effect.Effect<Lease, Fd.FdError, WaitFd | FdIo | Scope.Scope> =>
    WaitFd.use((handler) => FdIo.use((io) => acquire(handler, io, fd, options)))
}

/**
 * Waits until a descriptor is ready. Nothing is consumed.
 *
 * Level semantics, as poll(2): what is ready is ready at once; a hang-up or an error completes any wait; a regular
 * file, a directory and /dev/null are always ready. Any number of fibers may wait for one descriptor, in either
 * direction: all whose interest is met wake, in the order in which they came; `{ exclusive: true }` asks for `Busy`
 * instead. Interruption removes the waiter at once. There is no time-out of its own: use `Effect.timeout`.
 *
 * Fails with `FdError`: `BadDescriptor` (not a descriptor, or not open), `Closing`, `Busy`, `Unsupported`, `System`,
 * and over virtual descriptors `Deadlock`.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { Green, waitFd } from "green-core"
 *
 * const program = Effect.gen(function*() {
 *   const readiness = yield* waitFd(1, "write")
 *   return readiness.writable
 * })
 *
 * console.log(await Effect.runPromise(program.pipe(Effect.provide(Green.layer))))
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const waitFd = (
  fd: Fd.FdLike,
  interest: Fd.Interest = "read",
  options?: { readonly exclusive?: boolean }
): Effect.Effect<Fd.Readiness, Fd.FdError, WaitFd> =>
  Effect.withFiber((fiber: Fiber.Fiber<unknown, unknown>) => {
    const number = Fd.of(fd, "wait")
    return Result.isFailure(number)
      ? Effect.fail(number.failure)
      : Context.getUnsafe(fiber.context, WaitFd).wait({
          fd: number.success,
          interest,
          exclusive: options?.exclusive ?? false
        })
  })
