/**
 * So many requests in so much time, for each host. Above one exchange, as a session performs it: redirects, retries and
 * authentication count too.
 *
 * The counting is that of effect/persistence. Here is who waits for it, in which order, and what a server adds to it.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { failure, type HttpError, invalidOption } from "./HttpError.ts"
import { type Exchange, type ExchangeRequest, HttpExchange, type RawHeaders } from "./HttpExchange.ts"
import { Line } from "./internal/Line.ts"
import type { Limiter, RateLimitStore } from "./internal/persistence.ts"
import { retryAfter } from "./internal/retryAfter.ts"

export type { RateLimitStore } from "./internal/persistence.ts"

/**
 * How many requests may start, and what becomes of those above.
 *
 * @category models
 * @since 0.1.0
 */
export interface RateLimitOptions {
  /** So many in a window: an integer from 1. */
  readonly limit: number
  readonly window: Duration.Input
  /**
   * `fixed-window` unless said: as many as may at once, and the next ones when the window is over. `token-bucket`: as many
   * at once after a rest, then evenly, one in each part of the window. Both keep the limit in the long run; a single
   * stretch as long as the window may have up to twice as many, as the counting of effect/persistence has it.
   */
  readonly algorithm?: "fixed-window" | "token-bucket"
  /** `delay` unless said: it waits, in the order in which they came. `fail`: with the reason `RateLimited`, at once. */
  readonly onExceeded?: "delay" | "fail"
  /** Requests of one key are counted together: of one origin unless said. Errors name it; it is to be no secret. */
  readonly key?: (url: URL) => string
  /**
   * When a response is 429 and says `Retry-After`, all requests of its key are held back so long: a minute at most unless
   * said. That response is the outcome; whether it is asked again is a matter of `retry`.
   */
  readonly maxRetryAfter?: Duration.Input
  /** The counts of several processes: a `RateLimiterStore` of effect/persistence. In memory unless said. */
  readonly store?: RateLimitStore
}

/**
 * Puts the limit around an exchange. `before` is asked when a request comes and again when its turn does; its failure is
 * that of the request, which is then not counted.
 *
 * @category models
 * @since 0.1.0
 */
export type Limited = (exchange: Exchange, before?: Before) => Exchange

type Before = (request: ExchangeRequest) => Effect.Effect<void, HttpError>

/**
 * A rate limit, to be put around exchanges: they share it.
 *
 * Interrupted, a request that waits leaves the line at once, and takes nothing from the others. A store that fails makes
 * requests fail with the reason `Refused`. Fails with the reason `InvalidOption` for a limit or a window that is none.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: RateLimitOptions): Effect.Effect<Limited, HttpError> =>
  Effect.gen(function* () {
    const window = Duration.fromInputUnsafe(options.window)
    if (!Number.isInteger(options.limit) || options.limit < 1) {
      return yield* Effect.fail(invalidOption("rateLimit.limit", `it is an integer from 1, not ${options.limit}`))
    }
    if (!Duration.isFinite(window) || Duration.toMillis(window) < 1) {
      return yield* Effect.fail(
        invalidOption("rateLimit.window", `it is at least a millisecond, not ${Duration.format(window)}`)
      )
    }
    const { limiter } = yield* Effect.promise(() => import("./internal/persistence.ts"))
    const shared = options.store === undefined ? undefined : yield* limiter(options.store)
    const policy = new Policy(options, window, shared === undefined ? limiter(undefined) : Effect.succeed(shared))
    return (exchange, before = () => Effect.void) =>
      (request) =>
        policy.perform(request, exchange, before)
  })

/**
 * A rate limit around the exchange of a layer, shared by all sessions above it. WebSockets pass.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { GreenHttp, MemoryExchange, RateLimit } from "green-http"
 *
 * const app = MemoryExchange.layer(() => new Response("hello"))
 * const limited = Layer.provide(RateLimit.layer({ limit: 1, window: "1 minute", onExceeded: "fail" }), app)
 *
 * const program = Effect.gen(function* () {
 *   const http = yield* GreenHttp.make({ baseUrl: "http://app.test" })
 *   yield* http.get("/")
 *   return yield* Effect.flip(http.get("/"))
 * })
 *
 * const { reason } = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(limited)))
 * console.log(reason._tag)
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: RateLimitOptions): Layer.Layer<HttpExchange, HttpError, HttpExchange> =>
  Layer.effect(
    HttpExchange,
    Effect.gen(function* () {
      const handler = yield* HttpExchange
      const limited = yield* make(options)
      return { ...handler, exchange: limited(handler.exchange) }
    })
  )

/** What there is of one key, as long as it matters. */
class Room {
  readonly line = new Line()
  /** Without a shared store, a memory of its own: it goes with the room. */
  limiter: Limiter | undefined
  /** When nothing will be counted any more, and until when the server has asked for quiet. */
  emptyAt = 0
  heldUntil = 0

  isIdle(now: number): boolean {
    return this.line.isEmpty && this.emptyAt <= now && this.heldUntil <= now
  }
}

class Policy {
  readonly #options: RateLimitOptions
  readonly #window: Duration.Duration
  readonly #keyOf: (url: URL) => string
  readonly #longest: number
  readonly #limiter: Effect.Effect<Limiter>
  readonly #rooms = new Map<string, Room>()
  /** With so many rooms it is looked which of them are idle. */
  #many = 64

  constructor(options: RateLimitOptions, window: Duration.Duration, limiter: Effect.Effect<Limiter>) {
    this.#options = options
    this.#window = window
    this.#keyOf = options.key ?? (({ origin }) => origin)
    this.#longest = Duration.toMillis(options.maxRetryAfter ?? "1 minute")
    this.#limiter = limiter
  }

  perform(request: ExchangeRequest, exchange: Exchange, before: Before): ReturnType<Exchange> {
    return Effect.suspend(() => {
      const key = this.#keyOf(request.url)
      const checked = before(request)
      const performed = Effect.tap(exchange(request), ({ headers, status }) =>
        status === 429 ? this.#hold(key, headers) : Effect.void
      )
      return Effect.andThen(checked, Effect.andThen(this.#admitted(request, key, checked), performed))
    })
  }

  #admitted(request: ExchangeRequest, key: string, checked: ReturnType<Before>): Effect.Effect<void, HttpError> {
    return Effect.clockWith((clock) =>
      Effect.uninterruptibleMask((restore) => {
        const room = this.#room(key, clock.currentTimeMillisUnsafe())
        const place = room.line.enter()
        const taken = Effect.andThen(place.turn, this.#take(request, key, room, checked))
        return Effect.onExit(restore(taken), () => Effect.sync(place.leave))
      })
    )
  }

  /** For the first in the line alone: nothing is taken ahead of time, so nothing is lost with who leaves. */
  #take(
    request: ExchangeRequest,
    key: string,
    room: Room,
    checked: ReturnType<Before>
  ): Effect.Effect<void, HttpError> {
    const { algorithm = "fixed-window", limit, onExceeded = "delay" } = this.#options
    const exceeded = (milliseconds: number): Effect.Effect<void, HttpError> => {
      const retryAfterMillis = Math.max(1, Math.ceil(milliseconds))
      return onExceeded === "fail"
        ? Effect.fail(failure(request, { _tag: "RateLimited", key, limit, retryAfterMillis }))
        : Effect.andThen(Effect.sleep(retryAfterMillis), take)
    }
    const consume = Effect.flatMap(this.#limiterOf(room), (limiter) =>
      limiter.consume({ key, limit, window: this.#window, algorithm, onExceeded: "fail" })
    )
    const take: Effect.Effect<void, HttpError> = Effect.andThen(
      checked,
      Effect.clockWith((clock) => {
        const now = clock.currentTimeMillisUnsafe()
        if (room.heldUntil > now) return exceeded(room.heldUntil - now)
        return Effect.matchEffect(consume, {
          onSuccess: ({ resetAfter }) =>
            Effect.sync(() => {
              room.emptyAt = now + Duration.toMillis(resetAfter)
            }),
          onFailure: ({ reason }) =>
            reason._tag === "RateLimitExceeded"
              ? exceeded(Duration.toMillis(reason.retryAfter))
              : Effect.fail(
                  failure(request, {
                    _tag: "Refused",
                    problem: `the store of the rate limit failed: ${reason.message}`
                  })
                )
        })
      })
    )
    return take
  }

  #limiterOf(room: Room): Effect.Effect<Limiter> {
    return room.limiter === undefined
      ? Effect.tap(this.#limiter, (limiter) =>
          Effect.sync(() => {
            room.limiter = limiter
          })
        )
      : Effect.succeed(room.limiter)
  }

  #hold(key: string, headers: RawHeaders): Effect.Effect<void> {
    return Effect.clockWith((clock) =>
      Effect.sync(() => {
        const now = clock.currentTimeMillisUnsafe()
        const room = this.#room(key, now)
        room.heldUntil = Math.max(room.heldUntil, now + Math.min(retryAfter(headers, now), this.#longest))
      })
    )
  }

  #room(key: string, now: number): Room {
    const known = this.#rooms.get(key)
    if (known !== undefined) return known
    if (this.#rooms.size >= this.#many) {
      for (const [other, room] of this.#rooms) if (room.isIdle(now)) this.#rooms.delete(other)
      this.#many = Math.max(64, 2 * this.#rooms.size)
    }
    const room = new Room()
    this.#rooms.set(key, room)
    return room
  }
}
