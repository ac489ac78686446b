/**
 * What a handler is.
 *
 * A program performs an *operation*; a *handler* interprets it. A handler's answer to one operation is a *clause*, as
 * in algebraic effects: a function of the request and its continuation. Everything in this library that waits is made
 * of clauses, and nothing here knows how any of them waits.
 *
 * Called by the operations (`Wait`, `WaitFd`) to build a service from a clause. Programs do not call this module.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

/**
 * Takes a request back. Called at most once by the holder, and harmless after the answer: after it, `resume` is not
 * called and nothing of the request stays registered.
 *
 * @category models
 * @since 0.1.0
 */
export type Withdraw = () => void

/**
 * The continuation of a request. It is called exactly once, unless the request was withdrawn.
 *
 * @category models
 * @since 0.1.0
 */
export type Resume<in A, in E = never> = (exit: Exit.Exit<A, E>) => void

/**
 * A handler's answer to one operation. It sees to it that `resume` is called exactly once, within the call or later;
 * the result takes the request back. `context` is the context of the caller. A clause does not throw: what goes wrong
 * is an `Exit`.
 *
 * @category models
 * @since 0.1.0
 */
export type Clause<in Request, out A, out E = never> = (
  request: Request,
  resume: Resume<A, E>,
  context: Context.Context<never>
) => Withdraw

/**
 * The withdrawal of a request that has nothing to take back, because it was answered within the call or because there
 * is no way to stop what was asked for. A clause that returns exactly this spares the fiber a finalizer.
 *
 * @category constants
 * @since 0.1.0
 */
export const nothingToWithdraw: Withdraw = () => {}

/**
 * Performs a request by a clause: suspends the fiber until `resume`. A second `resume` is ignored; interruption
 * withdraws the request at once. A clause that resumes within the call does not suspend the fiber and does not
 * deepen the stack.
 *
 * @category conversions
 * @since 0.1.0
 */
export const perform = <Request, A, E>(clause: Clause<Request, A, E>, request: Request): Effect.Effect<A, E> =>
  Effect.callback<A, E>((resume) => {
    // Not by Effect.withFiber around it, which is one more step of the fiber: a tenth of a wait.
    const withdraw = clause(request, resume, Fiber.getCurrent()?.context ?? Context.empty())
    return withdraw === nothingToWithdraw ? undefined : Effect.sync(withdraw)
  })

/**
 * The clause of a handler that is written as an Effect. The Effect runs in a fiber of its own with the context of the
 * caller; withdrawing interrupts it.
 *
 * @category conversions
 * @since 0.1.0
 */
export const clause =
  <Request, A, E>(handle: (request: Request) => Effect.Effect<A, E>): Clause<Request, A, E> =>
  (request, resume, context) => {
    let withdrawn = false
    const fiber = Effect.runForkWith(context)(handle(request))
    fiber.addObserver((exit) => {
      if (!withdrawn) resume(exit)
    })
    return () => {
      withdrawn = true
      fiber.interruptUnsafe()
    }
  }

/**
 * Holds a clause to its contract, for callers that are not fibers: only the first `resume` counts, and none after the
 * request was withdrawn.
 *
 * @category combinators
 * @since 0.1.0
 */
export const once =
  <Request, A, E>(clause: Clause<Request, A, E>): Clause<Request, A, E> =>
  (request, resume, context) => {
    let over = false
    const withdraw = clause(
      request,
      (exit) => {
        if (over) return
        over = true
        resume(exit)
      },
      context
    )
    return () => {
      if (over) return
      over = true
      withdraw()
    }
  }
