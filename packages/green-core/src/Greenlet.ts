/**
 * Greenlets: who is running.
 *
 * A greenlet is what a green program runs in: the fiber started by `runInGreenlet`, `greenTask` or a pool, with all
 * that it forks. It is an identity, nothing more: it is carried by the asynchronous context, so plain functions and
 * async functions called from a program know their greenlet too. Starting one is `GreenTask`'s; `Class` and the two
 * functions at the end are for those who run work in their own way, as a pool does.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { AsyncResource } from "node:async_hooks"
import * as Identity from "./GreenletIdentity.ts"

/**
 * The identity of a greenlet.
 *
 * @category models
 * @since 0.1.0
 */
export interface Greenlet {
  /** The greenlet that started it; `undefined` for the main one. */
  readonly parent: Greenlet | undefined
  /** Whether its program is over. A detached fork keeps the identity of a greenlet that has ended. */
  readonly ended: boolean
}

/**
 * The main greenlet of this thread: where everything runs that no greenlet was started for.
 *
 * @category constants
 * @since 0.1.0
 */
export const main: Greenlet = Identity.main

/**
 * The greenlet that is running.
 *
 * @category operations
 * @since 0.1.0
 */
export const current: Effect.Effect<Greenlet> = Effect.sync(Identity.current)

/**
 * The greenlet that is running, for plain and async functions called from one.
 *
 * @category operations
 * @since 0.1.0
 */
export const currentUnsafe: () => Greenlet = Identity.current

/**
 * The identity itself, to be extended by those who start greenlets and keep something with each. `ended` is theirs to
 * set.
 *
 * @category constructors
 * @since 0.1.0
 */
export const Class: new (parent: Greenlet | undefined) => Greenlet & { ended: boolean } = Identity.Identity

/**
 * Calls the function in a greenlet: what it starts stays in it.
 *
 * @category operations
 * @since 0.1.0
 */
export const enterUnsafe: <A>(greenlet: Greenlet, f: () => A) => A = Identity.enter

/**
 * Calls the function in a greenlet, and otherwise in the asynchronous context in which the resource was made, with
 * `self` as its argument.
 *
 * @category operations
 * @since 0.1.0
 */
export const enterFromUnsafe: <Self, A>(
  resource: AsyncResource,
  greenlet: Greenlet,
  f: (self: Self) => A,
  self: Self
) => A = Identity.enterFrom
