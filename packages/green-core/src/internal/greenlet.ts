/**
 * The identity of greenlets and how one is entered. Called by `Greenlet` and `GreenTask`.
 */
import { AsyncLocalStorage } from "node:async_hooks"

export class Identity {
  readonly parent: Identity | undefined
  ended = false

  constructor(parent: Identity | undefined) {
    this.parent = parent
  }
}

const storage = new AsyncLocalStorage<Identity>()

export const main = new Identity(undefined)

export const current = (): Identity => storage.getStore() ?? main

/** Calls the function in the greenlet; what it starts stays in it. */
export const enter = <A>(greenlet: Identity, f: () => A): A => storage.run(greenlet, f)
