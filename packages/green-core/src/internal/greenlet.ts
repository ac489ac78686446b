/**
 * The identity of greenlets and how one is entered. Called by `Greenlet` and `GreenTask`.
 */
import { AsyncLocalStorage, type AsyncResource } from "node:async_hooks"
import type { Greenlet } from "../Greenlet.ts"

export class Identity implements Greenlet {
  readonly parent: Greenlet | undefined
  ended = false

  constructor(parent: Greenlet | undefined) {
    this.parent = parent
  }
}

const storage = new AsyncLocalStorage<Greenlet>()

export const main = new Identity(undefined)

export const current = (): Greenlet => storage.getStore() ?? main

/** Calls the function in the greenlet; what it starts stays in it. */
export const enter = <A>(greenlet: Greenlet, f: () => A): A => storage.run(greenlet, f)

/**
 * The same in the asynchronous context that the resource has kept. Cheaper: what is entered in it ends with it, so
 * nothing has to be restored.
 */
export const enterFrom = <This, A>(resource: AsyncResource, greenlet: Greenlet, f: (self: This) => A, self: This): A =>
  resource.runInAsyncScope(within, undefined, greenlet, f, self) as A

const within = <This, A>(greenlet: Greenlet, f: (self: This) => A, self: This): A => {
  storage.enterWith(greenlet)
  return f(self)
}
