/**
 * The parts of effect/persistence that the policies are made of. Loaded when a session has such a policy, and not before:
 * they bring effect/Schema and a Redis protocol with them.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as RateLimiter from "effect/persistence/RateLimiter"

export type Limiter = RateLimiter.RateLimiter
export type RateLimitStore = RateLimiter.RateLimiterStore["Service"]

/** A limiter over a store; over a memory of its own, which nobody else has, without one. */
export const limiter = (store: RateLimitStore | undefined): Effect.Effect<Limiter> =>
  store === undefined
    ? Effect.provide(RateLimiter.make, Layer.fresh(RateLimiter.layerStoreMemory))
    : Effect.provideService(RateLimiter.make, RateLimiter.RateLimiterStore, store)

export type CircuitBreakerStore = CircuitBreaker.CircuitBreakerStore["Service"]
export type CircuitBreakerError = CircuitBreaker.CircuitBreakerError

export const { consecutive, ignored, make: makeBreaker, rate, success } = CircuitBreaker
export const failed = CircuitBreaker.failure

/** Circuits of one's own: forgotten when nobody asked for an hour. */
export const circuits: Effect.Effect<CircuitBreakerStore> = Effect.suspend(() =>
  Effect.provide(CircuitBreaker.CircuitBreakerStore, Layer.fresh(CircuitBreaker.layerStoreMemory()))
)

export { CircuitBreakerStore as Circuits } from "effect/persistence/CircuitBreaker"
