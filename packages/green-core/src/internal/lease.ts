/**
 * Takes and releases leases. Called by `WaitFd.lease` only.
 */
import * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Fd from "../Fd.ts"
import { type FdIo, WouldBlock } from "../FdIo.ts"
import type { Lease, LeaseIoOptions, LeaseOptions } from "../Lease.ts"
import type { WaitFdHandler, WaitFdRequest } from "../WaitFdHandler.ts"

export const acquire = (
  handler: WaitFdHandler,
  io: FdIo["Service"],
  fdLike: Fd.FdLike,
  options: LeaseOptions | undefined
): Effect.Effect<Lease, Fd.FdError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.gen(function* () {
      const fd = yield* Effect.fromResult(Fd.of(fdLike, "lease"))
      const leased = handler.account.leased
      if (leased.has(fd)) {
        return yield* Fd.busy(fd, "lease", "it is leased already; release that lease first")
      }
      const mustSet = !(yield* forLease(io.isNonBlocking(fd)))
      if (mustSet) {
        if (options?.nonBlocking !== "set") {
          return yield* new Fd.FdError({ fd, operation: "lease", reason: { _tag: "NotGreen" } })
        }
        yield* forLease(io.setNonBlocking(fd, true))
      }
      leased.add(fd)
      return new LeaseHeld(handler, io, fd, mustSet, options?.onRelease !== "keep")
    }),
    (lease) => lease.release
  )

const forLease = Effect.mapError(({ fd, reason }: Fd.FdError) => new Fd.FdError({ fd, operation: "lease", reason }))

class LeaseHeld implements Lease {
  readonly fd: number
  readonly #waits: { readonly [Interest in Fd.Interest]: Effect.Effect<Fd.Readiness, Fd.FdError> }
  #held = true
  readonly release: Effect.Effect<void>

  constructor(handler: WaitFdHandler, io: FdIo["Service"], fd: number, mustClear: boolean, closes: boolean) {
    this.fd = fd
    const wait = (request: WaitFdRequest) =>
      Effect.suspend(() => (this.#held ? handler.wait(request) : this.#released("wait")))
    this.#waits = {
      read: wait({ fd, interest: "read", exclusive: false }),
      write: wait({ fd, interest: "write", exclusive: false }),
      readwrite: wait({ fd, interest: "readwrite", exclusive: false })
    }
    this.release = Effect.uninterruptible(
      Effect.suspend(() => {
        if (!this.#held) return Effect.void
        this.#held = false
        handler.account.notifyClosing(fd)
        handler.account.leased.delete(fd)
        // Whoever closed the descriptor behind our back has taken these failures upon himself.
        const clear = mustClear ? Effect.ignore(io.setNonBlocking(fd, false)) : Effect.void
        return closes ? Effect.andThen(clear, Effect.ignore(io.close(fd))) : clear
      })
    )
  }

  wait(interest: Fd.Interest): Effect.Effect<Fd.Readiness, Fd.FdError> {
    return this.#waits[interest]
  }

  io<A>(
    direction: "read" | "write",
    tryOnce: () => A | WouldBlock,
    options?: LeaseIoOptions
  ): Effect.Effect<A, Fd.FdError> {
    const attempt = (): Effect.Effect<A, Fd.FdError> => {
      if (!this.#held) return this.#released(direction)
      let answer: A | WouldBlock
      try {
        answer = tryOnce()
      } catch (thrown) {
        const failure = this.#failure(direction, thrown)
        if (failure !== WouldBlock) return failure
        answer = WouldBlock
      }
      return answer === WouldBlock ? waitFirst() : Effect.succeed(answer)
    }
    const waitFirst = () => Effect.flatMap(this.#waits[direction], attempt)
    return options?.first === "wait" ? waitFirst() : Effect.suspend(attempt)
  }

  #failure(operation: string, thrown: unknown): Effect.Effect<never, Fd.FdError> | WouldBlock {
    if (thrown instanceof Fd.FdError) return Effect.fail(thrown)
    if (hasProperty(thrown, "code") && typeof thrown.code === "string" && hasProperty(thrown, "errno")) {
      if (thrown.code === "EAGAIN") return WouldBlock
      if (typeof thrown.errno === "number") {
        return Effect.fail(Fd.system(this.fd, operation, Math.abs(thrown.errno)))
      }
    }
    return Effect.die(thrown)
  }

  #released(operation: string): Effect.Effect<never, Fd.FdError> {
    return Effect.fail(Fd.closing(this.fd, operation))
  }
}
