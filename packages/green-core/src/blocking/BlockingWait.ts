/**
 * `wait` in a blocked thread: a promise cannot be waited for, for only this thread could settle it. A callback can,
 * as long as another fiber of the run may still call it.
 */
import * as Exit from "effect/Exit"
import { isPromiseLike } from "effect/Predicate"
import { types } from "node:util"
import * as Handler from "../Handler.ts"
import { Wait, type WaitClause, WaitError, type WaitRequest } from "../Wait.ts"
import type { Loop } from "./Loop.ts"

export const make = (loop: Loop): Wait["Service"] => {
  const callback = <A, E>(
    register: Extract<WaitRequest<A, E>, { _tag: "Callback" }>["register"],
    resume: Handler.Resume<A, E | WaitError>
  ): Handler.Withdraw => {
    let settled = false
    const settle = (exit: Exit.Exit<A, E | WaitError>): void => {
      if (settled) return
      settled = true
      loop.callbacks.delete(giveUp)
      resume(exit)
    }
    const giveUp = (): void => {
      if (settled) return
      withdraw?.()
      settle(cannotBlockOn("callback"))
    }
    let withdraw: Handler.Withdraw | void
    try {
      withdraw = register(settle)
    } catch (cause) {
      settle(rejected(cause))
    }
    if (settled) return Handler.nothingToWithdraw
    loop.callbacks.add(giveUp)
    return () => {
      if (settled) return
      settled = true
      loop.callbacks.delete(giveUp)
      withdraw?.()
    }
  }

  const clause: WaitClause = (request, resume) => {
    switch (request._tag) {
      case "Promise":
        resume(refuse(request.promise))
        return Handler.nothingToWithdraw
      case "Callback":
        return callback(request.register, resume)
      case "Function":
        resume(call(request.evaluate))
        return Handler.nothingToWithdraw
    }
  }

  return Wait.fromClause(clause)
}

const call = <A>(evaluate: (signal: AbortSignal) => A | PromiseLike<A>): Exit.Exit<A, WaitError> => {
  const controller = new AbortController()
  try {
    const answer = evaluate(controller.signal)
    if (!isPromiseLike(answer)) return Exit.succeed(answer)
    const refusal = refuse(answer)
    controller.abort()
    return refusal
  } catch (cause) {
    return rejected(cause)
  }
}

/** The thenables of libraries often start their work in `then`, and none of them ends the process when it is rejected. */
const refuse = (promise: PromiseLike<unknown>): Exit.Exit<never, WaitError> => {
  if (types.isPromise(promise)) promise.then(undefined, () => {})
  return cannotBlockOn("promise")
}

const rejected = (cause: unknown): Exit.Exit<never, WaitError> =>
  Exit.fail(new WaitError({ reason: { _tag: "Rejected", cause } }))

const cannotBlockOn = (what: "promise" | "callback"): Exit.Exit<never, WaitError> =>
  Exit.fail(new WaitError({ reason: { _tag: "CannotBlockOn", what } }))
