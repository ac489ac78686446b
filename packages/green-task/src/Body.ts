/**
 * The body of a green function: a generator function that yields Effects.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"

/**
 * A generator function that yields Effects, as `Effect.gen` takes it, with arguments and `this`.
 *
 * @category models
 * @since 0.1.0
 */
export type Body<This, Args extends Array<unknown>, Eff extends BodyEffect, A> = (
  this: This,
  ...args: Args
) => Generator<Eff, A, never>

/**
 * Any Effect: what a body may yield.
 *
 * @category models
 * @since 0.1.0
 */
export type BodyEffect = Effect.Effect<unknown, unknown, unknown>

/**
 * What a body that yields `Eff` fails with.
 *
 * @category models
 * @since 0.1.0
 */
export type BodyError<Eff> = [Eff] extends [never]
  ? never
  : [Eff] extends [Effect.Effect<infer _A, infer E, infer _R>]
    ? E
    : never

/**
 * What a body that yields `Eff` requires.
 *
 * @category models
 * @since 0.1.0
 */
export type BodyServices<Eff> = [Eff] extends [never]
  ? never
  : [Eff] extends [Effect.Effect<infer _A, infer _E, infer R>]
    ? R
    : never
