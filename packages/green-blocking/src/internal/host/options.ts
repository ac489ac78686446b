/**
 * What the options of a pool of workers may be, and what they are unless said.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { availableParallelism } from "node:os"
import type { WorkersOptions } from "../../GreenWorkers.ts"
import { WorkersOptionError } from "../../JobError.ts"
import type { PoolOptions } from "./Pool.ts"

/** The options with all of them said. Fails for the first that makes no sense. */
export const poolOptions = (options: WorkersOptions): Effect.Effect<PoolOptions, WorkersOptionError> =>
  Effect.gen(function* () {
    const size = yield* count("size", options.size ?? availableParallelism(), 1, maxSize)
    return {
      size,
      minSize: yield* count("minSize", options.minSize ?? 0, 0, size),
      maxJobs: yield* countOrInfinity("maxJobs", options.maxJobs ?? Infinity),
      maxDepth: yield* count("maxDepth", options.maxDepth ?? 16, 1, maxSize),
      idleTimeout: yield* milliseconds("idleTimeout", options.idleTimeout ?? "1 minute", true),
      grace: yield* milliseconds("grace", options.grace ?? "1 second", false),
      killDeadline: yield* milliseconds("killDeadline", options.killDeadline ?? "5 seconds", false),
      references: options.references ?? [],
      thread: {
        name: options.name ?? "green",
        env: options.env,
        execArgv: options.execArgv,
        resourceLimits: options.resourceLimits
      }
    }
  })

const maxSize = 1024

/** The most that a timer of Node takes. */
const maxMilliseconds = 2 ** 31 - 1

const count = (option: string, value: number, least: number, most: number) =>
  Number.isInteger(value) && value >= least && value <= most
    ? Effect.succeed(value)
    : wrong(option, value, `a whole number from ${least} to ${most}`)

const countOrInfinity = (option: string, value: number) =>
  value >= 1 && (Number.isInteger(value) || value === Infinity)
    ? Effect.succeed(value)
    : wrong(option, value, "a whole number from 1 on, or Infinity")

const milliseconds = (option: string, value: Duration.Input, mayBeInfinite: boolean) => {
  // What is not a number would be zero.
  const duration = Number.isNaN(value) ? Option.none() : Duration.fromInput(value)
  const length = duration._tag === "Some" ? Duration.toMillis(duration.value) : -1
  const isFine = length >= 0 && (length <= maxMilliseconds || (mayBeInfinite && length === Infinity))
  const most = mayBeInfinite ? "24 days, or Infinity" : "24 days"
  return isFine ? Effect.succeed(length) : wrong(option, value, `a duration from zero to ${most}`)
}

const wrong = (option: string, value: unknown, expected: string) =>
  Effect.fail(new WorkersOptionError({ option, value, expected }))
