/**
 * The clause of `wait` where promises settle while the program waits: their `then`. Shared by the handlers that rest on
 * a running loop.
 */
import * as Exit from "effect/Exit"
import { isPromiseLike } from "effect/Predicate"
import * as Handler from "../Handler.ts"
import { type WaitClause, WaitError } from "../Wait.ts"

export const promiseWait: WaitClause = (request, resume) => {
  try {
    switch (request._tag) {
      case "Promise":
        settle(request.promise, resume)
        return Handler.nothingToWithdraw
      case "Callback":
        return request.register(resume) ?? Handler.nothingToWithdraw
      case "Function": {
        // A signal costs as much as the wait itself: made only for a function that takes one.
        const controller = request.evaluate.length > 0 ? new AbortController() : undefined
        const answer = request.evaluate(controller?.signal ?? never())
        if (isPromiseLike(answer)) settle(answer, resume)
        else resume(Exit.succeed(answer))
        return controller === undefined ? Handler.nothingToWithdraw : () => controller.abort()
      }
    }
  } catch (cause) {
    resume(rejected(cause))
    return Handler.nothingToWithdraw
  }
}

const settle = <A>(promise: PromiseLike<A>, resume: Handler.Resume<A, WaitError>): void => {
  promise.then(
    (value) => resume(Exit.succeed(value)),
    (cause) => resume(rejected(cause))
  )
}

const rejected = (cause: unknown) => Exit.fail(new WaitError({ reason: { _tag: "Rejected", cause } }))

let neverAborts: AbortSignal | undefined

const never = (): AbortSignal => (neverAborts ??= new AbortController().signal)
