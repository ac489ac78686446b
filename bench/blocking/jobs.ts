/** A job that does nothing, one after another, in one thread: against piscina and tinypool. */
import { type Measure, summary } from "../harness.ts"
import { build } from "./built.ts"
import { type Contender, contender, contest, cpu, fastest, wall } from "./contest.ts"

export const measure: Measure = async (scale) => {
  const program = build()
  const [green, piscina, tinypool] = await Promise.all([
    contender("green", program("green"), "1"),
    contender("piscina", program("threadPool"), "piscina", "1"),
    contender("tinypool", program("threadPool"), "tinypool", "1")
  ])
  const slices = { operations: 500, warmUp: 20_000, times: 5 }
  const figures = await contest(scale, "nothing", slices, [green, piscina, tinypool])
  const median = (of: Contender): number => summary(figures(of).map((slice) => slice.wall)).median
  const better = median(piscina) < median(tinypool) ? piscina : tinypool
  return [piscina, tinypool].flatMap((peer) => {
    const against = { measure: "a job of no work", ours: green, against: peer }
    const judged = peer === better ? { target: { relation: "<=", must: 1.2, aim: 1 } as const } : {}
    return [wall(figures, { ...against, ...judged }), fastest(figures, against), cpu(figures, against)]
  })
}
