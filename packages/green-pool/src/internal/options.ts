/**
 * What the options of a pool may be.
 */
import * as Duration from "effect/Duration"
import type { MakeOptions, Overflow } from "../GreenPool.ts"
import { PoolOptionError } from "../PoolError.ts"

/** The first option that makes no sense. */
export const problem = (options: MakeOptions<Overflow>): PoolOptionError | undefined => {
  const { capacity = 0, keyLimit = 1, maxWorkers = 1, overflow = "suspend", rate } = options
  const wrong = (option: string, value: unknown, expected: string) => new PoolOptionError({ option, value, expected })
  const isCount = (value: number, least: number) => value >= least && (Number.isInteger(value) || value === Infinity)
  if (!isCount(maxWorkers, 1)) return wrong("maxWorkers", maxWorkers, "a whole number from 1 on, or Infinity")
  if (!isCount(capacity, 0)) return wrong("capacity", capacity, "a whole number from 0 on, or Infinity")
  if (!isCount(keyLimit, 1)) return wrong("keyLimit", keyLimit, "a whole number from 1 on, or Infinity")
  if (!overflows.includes(overflow)) return wrong("overflow", overflow, `one of ${overflows.join(", ")}`)
  if (rate === undefined) return undefined
  if (!Number.isInteger(rate.limit) || rate.limit < 1)
    return wrong("rate.limit", rate.limit, "a whole number from 1 on")
  const interval = Duration.fromInput(rate.interval)
  if (interval._tag === "None" || !(Duration.toMillis(interval.value) > 0) || !Duration.isFinite(interval.value)) {
    return wrong("rate.interval", rate.interval, "a duration above zero")
  }
  return undefined
}

const overflows: ReadonlyArray<string> = ["suspend", "fail", "drop-oldest"] satisfies ReadonlyArray<Overflow>
