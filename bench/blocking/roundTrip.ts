/**
 * One operation of a hundred bytes, performed by a blocked thread and answered at once: against the same over a bare port
 * and a word of shared memory, with nothing checked, and against synckit, which blocks this thread on a worker.
 */
import type { Measure } from "../harness.ts"
import { build } from "./built.ts"
import { contender, contest, cpu, fastest, wall } from "./contest.ts"

export const measure: Measure = async (scale) => {
  const program = build()
  const [green, raw, synckit] = await Promise.all([
    contender("perform", program("green"), "1"),
    contender("raw", program("raw")),
    contender("synckit", program("synckit"))
  ])
  const slices = { operations: 1_000, warmUp: 50_000, times: 8 }
  const figures = await contest(scale, "trips", slices, [green, raw, synckit])
  const againstRaw = { measure: "round trip, 100 B", ours: green, against: raw }
  const againstSynckit = { measure: "round trip, 100 B", ours: green, against: synckit }
  return [
    wall(figures, { ...againstRaw, target: { relation: "<=", must: 1.4, aim: 1.2 } }),
    fastest(figures, againstRaw),
    cpu(figures, againstRaw),
    wall(figures, { ...againstSynckit, target: { relation: "<=", must: 1.3, aim: 1 } }),
    fastest(figures, againstSynckit),
    cpu(figures, againstSynckit)
  ]
}
