/**
 * Retries: which failures and which responses are asked again, and when.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type { HttpError } from "./HttpError.ts"
import type { ExchangeRequest, ExchangeResponse, RawHeaders } from "./HttpExchange.ts"
import { retryAfter } from "./internal/retryAfter.ts"
import { isRepeatable } from "./Redirect.ts"

/**
 * What made a request fail, or its response one that is not taken.
 *
 * @category models
 * @since 0.1.0
 */
export type RetryCause =
  | HttpError
  | { readonly _tag: "Response"; readonly status: number; readonly headers: RawHeaders }

/**
 * How requests are retried. Only those that may be sent twice: an idempotent method, and a body that is no stream;
 * files and Blobs may be sent twice too.
 *
 * A request is retried that found no connection, or no response in its time, and one whose response has one of the
 * `statuses`. When the schedule ends, what came last is the outcome.
 *
 * @category models
 * @since 0.1.0
 */
export interface Retry {
  /** When, and how often: three times unless said, after a tenth of a second, then twice as long, with jitter. */
  readonly schedule?: Schedule.Schedule<unknown, RetryCause>
  /** GET, HEAD, OPTIONS, TRACE, PUT and DELETE unless said. */
  readonly methods?: ReadonlyArray<string>
  /** 429, 502, 503 and 504 unless said. */
  readonly statuses?: ReadonlyArray<number>
  /**
   * A response that says `Retry-After` is waited for so long, if the schedule is not slower: a minute at most unless
   * said. One that says more is the outcome.
   */
  readonly maxRetryAfter?: Duration.Input
}

const idempotent = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]
const temporary = [429, 502, 503, 504]
const defaultSchedule = Schedule.exponential("100 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 3 }))

/**
 * Performs the exchange, and again as the policy says. `told` is called before each further attempt.
 *
 * @category operations
 * @since 0.1.0
 */
export const retrying = (
  retry: Retry,
  request: ExchangeRequest,
  exchange: Effect.Effect<ExchangeResponse, HttpError>,
  told: (cause: RetryCause, attempt: number) => Effect.Effect<unknown>
): Effect.Effect<ExchangeResponse, HttpError> => {
  const { maxRetryAfter = "1 minute", methods = idempotent, schedule = defaultSchedule, statuses = temporary } = retry
  if (!methods.includes(request.method) || !isRepeatable(request.body)) return exchange
  return Effect.gen(function* () {
    const step = yield* Schedule.toStep(schedule)
    const longest = Duration.toMillis(maxRetryAfter)
    for (let attempt = 1; ; attempt++) {
      const exit = yield* Effect.result(exchange)
      const cause: RetryCause | undefined =
        exit._tag === "Failure"
          ? isTemporary(exit.failure)
            ? exit.failure
            : undefined
          : statuses.includes(exit.success.status)
            ? { _tag: "Response", status: exit.success.status, headers: exit.success.headers }
            : undefined
      if (cause === undefined) return yield* Effect.fromResult(exit)
      const now = yield* Clock.currentTimeMillis
      const asked = cause._tag === "Response" ? retryAfter(cause.headers, now) : 0
      if (asked > longest) return yield* Effect.fromResult(exit)
      const scheduled = yield* Pull.catchDone(
        Effect.map(step(now, cause), ([, delay]): Duration.Duration | undefined => delay),
        () => Effect.succeed(undefined)
      )
      if (scheduled === undefined) return yield* Effect.fromResult(exit)
      if (exit._tag === "Success") yield* exit.success.body.discard
      yield* told(cause, attempt)
      yield* Effect.sleep(Math.max(asked, Duration.toMillis(scheduled)))
    }
  })
}

const isTemporary = ({ reason }: HttpError): boolean =>
  reason._tag === "Connect" ||
  (reason._tag === "Dns" && reason.code === "EAI_AGAIN") ||
  (reason._tag === "Timeout" && reason.phase !== "body" && reason.phase !== "total")
