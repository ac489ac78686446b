/**
 * A million tasks of one tick, a hundred at a time, with a result for each: `map`, and `submitUnsafe`, against p-limit
 * and p-queue with `Promise.all`.
 *
 * Each side is a process of its own, and they take turns: what a side leaves on the heap costs itself, and nobody else.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { alternate, type Measure, ratioRow, type Side, type Target } from "../harness.ts"
import { type Cost, few } from "./tasks.ts"

const program = fileURLToPath(new URL("contender.ts", import.meta.url))

export const measure: Measure = async (full) => {
  const scale = few(full, 3)
  const count = scale.count(1_000_000)
  const costs = new Map<Side, Array<number>>()
  const contender = (name: string): Side & Disposable => {
    const child = fork(program, [name, String(count)], { execArgv: process.execArgv })
    const ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`${name} ended with ${code}`)))
    const side = {
      name,
      round: async () => {
        const answer = Promise.race([once(child, "message"), ended])
        child.send("round")
        const [cost]: ReadonlyArray<Cost> = await answer
        if (cost === undefined) throw new Error(`${name} gave no answer`)
        costs.get(side)?.push(cost.cpu)
        return 1 / cost.wall
      },
      [Symbol.dispose]: () => void child.kill()
    }
    costs.set(side, [])
    return side
  }
  using map = contender("map")
  using submit = contender("submitUnsafe, join, poll")
  using limited = contender("p-limit")
  using queued = contender("p-queue")

  const figures = await alternate(scale, [map, limited, submit, queued])
  const cpu = (side: Side): ReadonlyArray<number> => costs.get(side)?.slice(scale.warmUps) ?? []
  const speed = (ours: Side, against: Side, target: Target) =>
    ratioRow({ measure: `tasks with results, ${ours.name}`, ours, against, figures, unit: "M/s", target })
  const cost = (ours: Side, against: Side) =>
    ratioRow({ measure: `the same, CPU per task, ${ours.name}`, ours, against, figures: cpu, unit: "us" })
  return [
    ...[map, submit].flatMap((ours) => [
      speed(ours, limited, { relation: ">=", must: 2.2, aim: 3 }),
      speed(ours, queued, { relation: ">=", must: 2.8, aim: 4 })
    ]),
    ...[map, submit].flatMap((ours) => [limited, queued].map((against) => cost(ours, against)))
  ]
}
