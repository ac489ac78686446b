/**
 * Greenlet locals: a value for each greenlet.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Greenlet } from "./Greenlet.ts"
import { current } from "./GreenletIdentity.ts"

/**
 * A value for each greenlet. Forks of a greenlet share its value; a new greenlet starts from `initial()`. The value is
 * freed with its greenlet.
 *
 * @category models
 * @since 0.1.0
 */
export interface GreenLocal<A> {
  /** The value of the running greenlet. */
  readonly get: Effect.Effect<A>
  readonly set: (value: A) => Effect.Effect<void>
  readonly update: (f: (value: A) => A) => Effect.Effect<void>
  /** For plain and async functions called from a greenlet. Outside of any it is the value of the main one. */
  readonly getUnsafe: () => A
}

/**
 * Makes a local. `initial` is called once for each greenlet that uses it, at its first use.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { GreenLocal, GreenTask } from "green-core"
 *
 * const requestId = GreenLocal.make({ initial: () => "none" })
 *
 * const program = Effect.gen(function*() {
 *   yield* requestId.set("main")
 *   const inside = yield* GreenTask.run(requestId.get)
 *   return [inside, yield* requestId.get]
 * })
 *
 * console.log(await Effect.runPromise(program))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A>(options: { readonly initial: () => A }): GreenLocal<A> => {
  const values = new WeakMap<Greenlet, { value: A }>()
  const own = () => {
    const greenlet = current()
    let cell = values.get(greenlet)
    if (cell === undefined) {
      cell = { value: options.initial() }
      values.set(greenlet, cell)
    }
    return cell
  }
  const getUnsafe = () => own().value
  return {
    get: Effect.sync(getUnsafe),
    set: (value) =>
      Effect.sync(() => {
        own().value = value
      }),
    update: (f) =>
      Effect.sync(() => {
        const cell = own()
        cell.value = f(cell.value)
      }),
    getUnsafe
  }
}
