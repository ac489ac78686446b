/**
 * One operation of a hundred bytes, performed by a blocked thread and answered at once: against the same over a bare port
 * and a word of shared memory, with nothing checked, and against synckit, which blocks this thread on a worker.
 */
import { alternate, type Measure } from "../harness.ts"
import { build } from "./built.ts"
import { contender, cpu, hot, wall } from "./contest.ts"

export const measure: Measure = async (scale) => {
  const program = build()
  const contenders = await Promise.all([
    contender("perform", program("green"), "1"),
    contender("raw", program("raw")),
    contender("synckit", program("synckit"))
  ])
  const [green, raw, synckit] = contenders
  const warm = { work: "trips", operations: scale.count(20_000) }
  const task = { work: "trips", operations: scale.count(1_000) }
  const sides = { ours: green.does(task), raw: raw.does(task), synckit: synckit.does(task) }
  for (const each of contenders) await each.does(warm).round()
  // Many short slices: see contest.ts.
  const figures = await alternate({ ...scale, warmUps: scale.warmUps, rounds: scale.rounds * 5 }, [
    sides.ours,
    sides.raw,
    sides.synckit
  ])
  for (const each of contenders) each.close()

  const againstRaw = { measure: "round trip, 100 B", ours: sides.ours, against: sides.raw }
  const againstSynckit = { measure: "round trip, 100 B", ours: sides.ours, against: sides.synckit }
  const target = { relation: "<=", must: 1.4, aim: 1.2 } as const
  return [
    wall(figures, { ...againstRaw, target }),
    hot(figures, againstRaw),
    cpu(figures, againstRaw),
    wall(figures, { ...againstSynckit, target: { relation: "<=", must: 1.3, aim: 1 } }),
    hot(figures, againstSynckit),
    cpu(figures, againstSynckit)
  ]
}
