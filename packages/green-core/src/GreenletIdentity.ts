/**
 * The identity of greenlets and how one is entered. It loads nothing, not even Effect: for what starts greenlets where
 * each module costs, as the runtime of a worker thread. Everybody else uses `Greenlet`, which is built on it.
 *
 * @since 0.1.0
 */
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks"
import type { Greenlet } from "./Greenlet.ts"

/**
 * An identity. `ended` is set by whoever started it.
 *
 * @category constructors
 * @since 0.1.0
 */
export class Identity implements Greenlet {
  readonly parent: Greenlet | undefined
  ended = false

  constructor(parent: Greenlet | undefined) {
    this.parent = parent
  }
}

const storage = new AsyncLocalStorage<Greenlet>()

/**
 * The main greenlet of this thread.
 *
 * @category constants
 * @since 0.1.0
 */
export const main = new Identity(undefined)

/**
 * The greenlet that is running.
 *
 * @category operations
 * @since 0.1.0
 */
export const current = (): Greenlet => storage.getStore() ?? main

/**
 * Calls the function in the greenlet; what it starts stays in it. By a resource, which takes two thirds of the time of
 * `storage.run`: that makes a context to enter and another one to come back.
 *
 * @category operations
 * @since 0.1.0
 */
export const enter = <A>(greenlet: Greenlet, f: () => A): A =>
  enterFrom(new AsyncResource("Greenlet"), greenlet, call<A>, f)

const call = <A>(f: () => A): A => f()

/**
 * The same in the asynchronous context that the resource has kept. Cheaper: what is entered in it ends with it, so
 * nothing has to be restored.
 *
 * @category operations
 * @since 0.1.0
 */
export const enterFrom = <This, A>(resource: AsyncResource, greenlet: Greenlet, f: (self: This) => A, self: This): A =>
  resource.runInAsyncScope(within<This, A>, undefined, greenlet, f, self)

const within = <This, A>(greenlet: Greenlet, f: (self: This) => A, self: This): A => {
  storage.enterWith(greenlet)
  return f(self)
}
