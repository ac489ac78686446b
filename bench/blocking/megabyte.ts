/** One operation that sends a megabyte, and whose answer is that megabyte: against the same over a bare port. */
import type { Measure } from "../harness.ts"
import { build } from "./built.ts"
import { contender, contest, cpu, fastest, wall } from "./contest.ts"

export const measure: Measure = async (scale) => {
  const program = build()
  const [green, raw, loaded] = await Promise.all([
    contender("perform", program("green"), "1"),
    contender("raw", program("raw")),
    contender("raw, the same modules loaded", program("raw"), "modules")
  ])
  const figures = await contest(scale, "large", { operations: 50, warmUp: 500, times: 5 }, [green, raw, loaded])
  const against = { measure: "1 MB there and back", ours: green, against: raw }
  return [
    wall(figures, { ...against, target: { relation: "<=", must: 1.15, aim: 1.05 } }),
    fastest(figures, against),
    cpu(figures, against),
    ...[wall, fastest, cpu].map((row) => row(figures, { measure: against.measure, ours: green, against: loaded })),
    wall(figures, { measure: against.measure, ours: loaded, against: raw })
  ]
}
