/**
 * Something goes wrong at the k-th wait for a descriptor, for every k: the waits are interposed, so that the operation
 * under test is the one that programs run.
 */
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import { FdError, WaitFd } from "green-core"
import { PgError } from "green-pg"
import { ends } from "./world.ts"

/**
 * - `fails`: the wait fails, as if the system had said no.
 * - `closes`: the wait fails, as if the descriptor had been announced to close.
 * - `delays`: the answer comes late.
 * - `interrupts`: the operation is interrupted in the call that waits.
 * - `interrupts later`: the operation is interrupted while the wait is on.
 */
export const faults = ["fails", "closes", "delays", "interrupts", "interrupts later"] as const
export type Fault = (typeof faults)[number]

export interface Waits {
  /** To be provided above the handler. */
  readonly layer: Layer.Layer<WaitFd, never, WaitFd>
  /**
   * Runs the operation again and again, with the fault at its first wait, its second, and so on, until it is over before
   * the fault. After each run `check` sees to it that all is well. Answers how often.
   */
  readonly each: <A, E, R, E2, R2>(
    fault: Fault,
    operation: Effect.Effect<A, E, R>,
    check: (attempt: string) => Effect.Effect<void, E2, R2>
  ) => Effect.Effect<number, E2, R | R2>
}

type Next = () => Effect.Effect<Readiness, FdError>
type Readiness = Effect.Success<ReturnType<WaitFd["Service"]["wait"]>>

const most = 1000

export const make = (): Waits => {
  let left = Infinity
  let act: (fd: number, next: Next) => Effect.Effect<Readiness, FdError> = (_fd, next) => next()

  const layer = WaitFd.around(({ fd }, next) => Effect.suspend(() => (--left === 0 ? act(fd, next) : next())))

  const each: Waits["each"] = (fault, operation, check) =>
    Effect.gen(function* () {
      for (let k = 1; k < most; k++) {
        const attempt = `wait ${k} ${fault}`
        let interrupt = (): void => {}
        act = (fd, next) => actions[fault](fd, next, () => interrupt())
        left = k
        const fiber = yield* Effect.forkChild(operation)
        interrupt = () => fiber.interruptUnsafe()
        const exit = yield* ends(attempt, Fiber.await(fiber))
        const reached = left <= 0
        left = Infinity
        if (reached) assertExpected(fault, exit, attempt)
        else assert.isTrue(Exit.isSuccess(exit), `${attempt} was not reached, and yet: ${String(exit)}`)
        yield* ends(`the check after ${attempt}`, check(attempt))
        if (!reached) return k
      }
      return yield* Effect.die(new Error(`more than ${most} waits`))
    })

  return { layer, each }
}

const failure = (fd: number, reason: FdError["reason"]) => Effect.fail(new FdError({ fd, operation: "wait", reason }))

const actions: Record<Fault, (fd: number, next: Next, interrupt: () => void) => Effect.Effect<Readiness, FdError>> = {
  fails: (fd) => failure(fd, { _tag: "System", errno: 5, code: "EIO" }),
  closes: (fd) => failure(fd, { _tag: "Closing" }),
  delays: (_fd, next) => Effect.delay(Effect.suspend(next), "5 millis"),
  interrupts: (_fd, next, interrupt) => Effect.suspend(() => (interrupt(), next())),
  "interrupts later": (_fd, next, interrupt) =>
    Effect.callback<void>((resume) => {
      setImmediate(() => {
        interrupt()
        resume(Exit.void)
      })
    }).pipe(Effect.andThen(Effect.suspend(next)))
}

/** The injected error, or success. */
const assertExpected = (fault: Fault, exit: Exit.Exit<unknown, unknown>, attempt: string): void => {
  if (Exit.isSuccess(exit)) return
  const { cause } = exit
  switch (fault) {
    case "delays":
      return assert.fail(`${attempt}: ${Cause.pretty(cause)}`)
    case "interrupts":
    case "interrupts later":
      return assert.isTrue(Cause.hasInterruptsOnly(cause), `${attempt}: ${Cause.pretty(cause)}`)
    default: {
      const error = Cause.squash(cause)
      assert.instanceOf(error, PgError, `${attempt}: ${Cause.pretty(cause)}`)
      if (!(error instanceof PgError)) return
      const { reason } = error
      const said =
        reason._tag === "ConnectFailed" ? reason.attempts.map(({ problem }) => problem).join() : error.message
      assert.match(said, fault === "fails" ? /EIO/ : /closed/, attempt)
    }
  }
}
