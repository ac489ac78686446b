/**
 * Opens an app: its pool, and where its requests arrive.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as GreenPool from "../../GreenPool.ts"
import { PoolOptionError } from "../../PoolError.ts"
import type { CommonOptions, PoolOptions } from "../../RunInPool.ts"
import { Pool } from "../Pool.ts"
import { BodyBudget } from "./BodyBudget.ts"
import { Reception } from "./Reception.ts"

const mebibyte = 2 ** 20

/** Closed with the scope: first the reception, then the pool if it is the app's own. */
export const open = Effect.fnUntraced(function* (
  options: CommonOptions & PoolOptions
): Effect.fn.Return<Reception, PoolOptionError, Scope.Scope> {
  const { capacity, priority = 0, waitForBody } = options
  const { maxBytes = mebibyte, maxTotalBytes = 64 * mebibyte } = waitForBody === true ? {} : (waitForBody ?? {})
  yield* count("capacity", capacity)
  yield* count("waitForBody.maxBytes", maxBytes)
  yield* count("waitForBody.maxTotalBytes", maxTotalBytes)
  const retryAfter = yield* duration("retryAfter", options.retryAfter)
  const deadline = yield* duration("deadline", options.deadline)
  const grace = yield* duration("grace", options.grace)
  const pool = options.pool ?? (yield* GreenPool.make(options))
  if (!(pool instanceof Pool)) {
    return yield* new PoolOptionError({ option: "pool", value: pool, expected: "one that GreenPool.make has made" })
  }
  const context = yield* Effect.context<never>()
  const clock = yield* Clock.Clock
  return yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new Reception({
          pool,
          capacity,
          priority,
          retryAfter: Math.ceil((retryAfter ?? 1000) / 1000),
          deadline,
          grace,
          budget: waitForBody === undefined ? undefined : new BodyBudget(maxBytes, maxTotalBytes),
          clock,
          runFork: Effect.runForkWith(context)
        })
    ),
    (reception) => reception.close
  )
})

const count = (option: string, value: number | undefined): Effect.Effect<void, PoolOptionError> =>
  value === undefined || value === Infinity || (Number.isInteger(value) && value >= 0)
    ? Effect.void
    : Effect.fail(new PoolOptionError({ option, value, expected: "a whole number from 0 on, or Infinity" }))

/** In milliseconds; `undefined` for none, or for ever. */
const duration = (
  option: string,
  value: Duration.Input | undefined
): Effect.Effect<number | undefined, PoolOptionError> => {
  if (value === undefined) return Effect.succeed(undefined)
  const parsed = Duration.fromInput(value)
  if (parsed._tag === "None" || !(Duration.toMillis(parsed.value) > 0)) {
    return Effect.fail(new PoolOptionError({ option, value, expected: "a duration above zero" }))
  }
  return Effect.succeed(Duration.isFinite(parsed.value) ? Duration.toMillis(parsed.value) : undefined)
}
