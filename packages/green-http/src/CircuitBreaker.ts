/**
 * Requests to a host that fails are not sent for a while. Above one exchange, as a session performs it: each redirect and
 * each attempt of a retry counts by itself.
 *
 * The circuits are those of effect/persistence. Here is what they are of, and what counts as a failure of HTTP.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { failure, type HttpError, type HttpErrorReason, invalidOption } from "./HttpError.ts"
import {
  type Exchange,
  type ExchangeRequest,
  type ExchangeResponse,
  HttpExchange,
  type RawHeaders
} from "./HttpExchange.ts"
import { messageOf } from "./internal/messageOf.ts"
import type { CircuitBreakerError, CircuitBreakerStore } from "./internal/persistence.ts"
import { retryAfter } from "./internal/retryAfter.ts"

export type { CircuitBreakerStore } from "./internal/persistence.ts"

/**
 * What came of an exchange, as far as its head.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = HttpError | { readonly _tag: "Response"; readonly status: number; readonly headers: RawHeaders }

/**
 * When a circuit opens, and for how long.
 *
 * @category models
 * @since 0.1.0
 */
export interface CircuitBreakerOptions {
  /**
   * So many failures in a row open the circuit: 5 unless said. Or a part of the last `size` exchanges (100 unless said):
   * `threshold`, from 0 to 1, as soon as there were `minimum` (as many as `size` unless said).
   */
  readonly failures?: number | { readonly threshold: number; readonly size?: number; readonly minimum?: number }
  /**
   * 30 seconds unless said. A Schedule gives the time of each opening in a row. A response that opens the circuit and
   * says `Retry-After` makes it longer, to an hour at most.
   */
  readonly openFor?: Duration.Input | Schedule.Schedule<unknown, number>
  /**
   * What counts as a failure. Unless said: no connection, no name, no TLS, a time-out of a phase, a broken response, and a
   * status from 500. Other responses count as successes, other errors not at all, nor does what was interrupted, by the
   * time-out `total` too.
   */
  readonly isFailure?: (outcome: Outcome) => boolean
  /** Requests of one key have one circuit: those of one origin unless said. Errors name it; it is to be no secret. */
  readonly key?: (url: URL) => string
  /** Told of each circuit that opens, is tried again, or closes. What it answers does not matter. */
  readonly onChange?: (change: Change) => Effect.Effect<unknown>
  /**
   * Circuits of several processes: a `CircuitBreakerStore` of effect/persistence. In memory unless said. Where it fails,
   * requests are sent.
   */
  readonly store?: CircuitBreakerStore
}

/**
 * The change of a circuit.
 *
 * @category models
 * @since 0.1.0
 */
export interface Change {
  readonly key: string
  readonly from: "Closed" | "Open" | "HalfOpen"
  readonly to: "Closed" | "Open" | "HalfOpen"
}

/**
 * Circuits for exchanges.
 *
 * @category models
 * @since 0.1.0
 */
export interface CircuitBreaker {
  /** Puts them around an exchange. */
  readonly around: (exchange: Exchange) => Exchange
  /** Fails if a request would not be sent now. It changes nothing. */
  readonly check: (request: ExchangeRequest) => Effect.Effect<void, HttpError>
}

/**
 * Circuits, to be put around exchanges: they share them.
 *
 * While a circuit is open, requests fail at once with the reason `CircuitOpen`. Then one is sent, and the others fail
 * until it is answered: if it succeeds the circuit closes, if it fails it opens again, and if it is interrupted the next
 * one is sent instead. Fails with the reason `InvalidOption` for `failures` that cannot be.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: CircuitBreakerOptions = {}): Effect.Effect<CircuitBreaker, HttpError, Scope.Scope> =>
  Effect.gen(function* () {
    const { failures = 5, isFailure = isFailureOfHost, key = ({ origin }: URL) => origin, onChange } = options
    const circuit = yield* Effect.promise(() => import("./internal/persistence.ts"))
    const store = options.store ?? (yield* circuit.circuits)
    const tripPolicy = yield* Effect.try({
      try: () =>
        typeof failures === "number"
          ? circuit.consecutive(failures)
          : circuit.rate({ ...failures, minimumCalls: failures.minimum }),
      catch: (cause) => invalidOption("circuitBreaker.failures", messageOf(cause))
    })
    const breaker = yield* Effect.provideService(
      circuit.makeBreaker({ tripPolicy, openDuration: options.openFor ?? "30 seconds" }),
      circuit.Circuits,
      store
    )
    if (onChange !== undefined) {
      const told = Stream.runForEach(breaker.transitions, (change) => Effect.ignoreCause(onChange(change)))
      yield* Effect.forkScoped(told, { startImmediately: true })
    }

    const judge = (outcome: Outcome, now: number) => {
      if (isFailure(outcome)) {
        const hint = outcome._tag === "Response" ? retryAfter(outcome.headers, now) : 0
        return circuit.failed(hint === 0 ? undefined : { retryAfter: hint })
      }
      return outcome._tag === "Response" ? circuit.success : circuit.ignored
    }

    const around: CircuitBreaker["around"] = (exchange) => (request) => {
      const guarded = breaker.execute(exchange(request), {
        key: key(request.url),
        classify: (exit) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            if (exit._tag === "Success") return judge(responded(exit.value), now)
            const error = exit.cause.reasons.find((reason) => reason._tag === "Fail")?.error
            return error === undefined ? circuit.ignored : judge(error, now)
          })
      })
      return Effect.mapError(guarded, (error) => (error._tag === "HttpError" ? error : rejected(request, error)))
    }

    const check: CircuitBreaker["check"] = (request) =>
      Effect.matchEffect(breaker.state(key(request.url)), {
        onFailure: () => Effect.void,
        onSuccess: (state) => {
          const isTried = state._tag === "HalfOpen" && state.probing
          const milliseconds = state._tag === "Open" ? Duration.toMillis(state.retryAfter) : 0
          return isTried || milliseconds > 0
            ? Effect.fail(failure(request, open(state.key, milliseconds)))
            : Effect.void
        }
      })

    return { around, check }
  })

/**
 * Circuits around the exchange of a layer, shared by all sessions above it. WebSockets pass.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: CircuitBreakerOptions): Layer.Layer<HttpExchange, HttpError, HttpExchange> =>
  Layer.effect(
    HttpExchange,
    Effect.gen(function* () {
      const handler = yield* HttpExchange
      const { around } = yield* make(options)
      return { ...handler, exchange: around(handler.exchange) }
    })
  )

/** Headers are read if somebody asks. */
const responded = (response: ExchangeResponse): Outcome => ({
  _tag: "Response",
  status: response.status,
  get headers() {
    return response.headers
  }
})

const isFailureOfHost = (outcome: Outcome): boolean =>
  outcome._tag === "Response" ? outcome.status >= 500 : faults.has(outcome.reason._tag)

const faults: ReadonlySet<HttpErrorReason["_tag"]> = new Set(["Connect", "Dns", "Tls", "Timeout", "Protocol"])

const open = (key: string, milliseconds: number): HttpErrorReason => ({
  _tag: "CircuitOpen",
  key,
  retryAfterMillis: Math.ceil(milliseconds)
})

const rejected = (request: ExchangeRequest, { reason }: CircuitBreakerError): HttpError =>
  failure(
    request,
    reason._tag === "CircuitBreakerStoreError"
      ? { _tag: "Refused", problem: `the store of the circuit breaker failed: ${reason.message}` }
      : open(reason.key, reason._tag === "CircuitOpen" ? Duration.toMillis(reason.retryAfter) : 0)
  )
