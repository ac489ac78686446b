/**
 * The policies of a session around its exchange, in order: `circuit(rate limit(circuit(exchange)))`, of which retries,
 * redirects and authentication are outside.
 *
 * A request whose circuit is open fails at once, and takes no turn. One that waits for its turn while the circuit opens
 * fails when the turn of somebody comes, and takes none either. What tries an open circuit holds it no longer than its
 * own exchange: it has waited before.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as CircuitBreaker from "../CircuitBreaker.ts"
import type { HttpError } from "../HttpError.ts"
import type { Exchange } from "../HttpExchange.ts"
import * as RateLimit from "../RateLimit.ts"

export interface Policies {
  readonly rateLimit?: RateLimit.RateLimitOptions
  readonly circuitBreaker?: CircuitBreaker.CircuitBreakerOptions
}

/** The exchange as it is without policies. */
export const withPolicies = (
  exchange: Exchange,
  { circuitBreaker, rateLimit }: Policies
): Effect.Effect<Exchange, HttpError, Scope.Scope> =>
  Effect.gen(function* () {
    const circuit = circuitBreaker === undefined ? undefined : yield* CircuitBreaker.make(circuitBreaker)
    const guarded = circuit === undefined ? exchange : circuit.around(exchange)
    if (rateLimit === undefined) return guarded
    const limited = yield* RateLimit.make(rateLimit)
    return limited(guarded, circuit?.check)
  })
