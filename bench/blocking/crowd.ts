/**
 * How many operations four blocked threads perform in a second: against four threads that do not block, each of which
 * posts a message when the one before was answered.
 */
import type { Measure } from "../harness.ts"
import { build } from "./built.ts"
import { contender, contest, cpu, speed } from "./contest.ts"

export const measure: Measure = async (scale) => {
  const program = build()
  const [green, echo] = await Promise.all([
    contender("perform", program("green"), "4"),
    contender("postMessage", program("echo"), "4")
  ])
  const figures = await contest(scale, "crowd", { operations: 8_000, warmUp: 80_000, times: 3 }, [green, echo])
  const against = { measure: "operations of 4 threads", ours: green, against: echo }
  return [speed(figures, { ...against, target: { relation: ">=", must: 0.6, aim: 0.8 } }), cpu(figures, against)]
}
