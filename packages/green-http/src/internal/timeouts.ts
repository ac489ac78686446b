/**
 * The time-outs of an exchange, for handlers that have no timers of their own.
 */
import * as Effect from "effect/Effect"
import { failure, type HttpError } from "../HttpError.ts"
import type { ExchangeRequest } from "../HttpExchange.ts"

/** Interrupts what takes longer than the request allows for it. */
export const within = <A>(
  request: ExchangeRequest,
  phase: "response" | "body",
  effect: Effect.Effect<A, HttpError>
): Effect.Effect<A, HttpError> => {
  const milliseconds = request.timeouts?.[phase]
  if (milliseconds === undefined) return effect
  return Effect.timeoutOrElse(effect, {
    duration: milliseconds,
    orElse: () => Effect.fail(failure(request, { _tag: "Timeout", phase, milliseconds }))
  })
}
