/**
 * Greenlets: who is running.
 *
 * A greenlet is what a green program runs in: the fiber started by `runInGreenlet`, `greenTask` or a pool, with all
 * that it forks. It is an identity, nothing more: it is carried by the asynchronous context, so plain functions and
 * async functions called from a program know their greenlet too. Starting one is `GreenTask`'s.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Identity from "./internal/greenlet.ts"

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
