/**
 * `runInGreenlet`: functions that run in a greenlet of their own.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { GreenTask } from "green-core"
import type { Body, BodyEffect, BodyError, BodyServices } from "./Body.ts"

/**
 * Turns a generator function into a function that returns an Effect. Each time that the Effect is performed, the body
 * runs in a new greenlet, joined by the caller: its value is the value, its failure the failure. Interrupting the
 * caller interrupts it and waits for its end; locals start from their initial values.
 *
 * Name and length are those of the body. `this` is passed on, so the result can be a method.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { Green, wait } from "green-core"
 * import { runInGreenlet } from "green-task"
 *
 * const shout = runInGreenlet(function*(text: string) {
 *   const answer = yield* wait(() => Promise.resolve(text))
 *   return answer.toUpperCase()
 * })
 *
 * console.log(await Effect.runPromise(shout("hello").pipe(Effect.provide(Green.layer))))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const runInGreenlet = <This, Args extends Array<unknown>, Eff extends BodyEffect, A>(
  body: Body<This, Args, Eff, A>
): ((this: This, ...args: Args) => Effect.Effect<A, BodyError<Eff>, BodyServices<Eff>>) => {
  const green = function (this: This, ...args: Args) {
    return GreenTask.run(Effect.gen(() => body.apply(this, args)))
  }
  return Object.defineProperties(green, {
    name: { value: body.name, configurable: true },
    length: { value: body.length, configurable: true }
  })
}
