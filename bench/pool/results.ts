/**
 * A million tasks of one tick, a hundred at a time, with a result for each: `map`, and `submitUnsafe`, against p-limit
 * and p-queue with `Promise.all`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { GreenPool } from "green-pool"
import pLimit from "p-limit"
import PQueue from "p-queue"
import { alternate, type Measure, ratioRow, type Scale, type Side, type Target } from "../harness.ts"
import { few, job, meter, task, workers } from "./tasks.ts"

const rows = Effect.fnUntraced(function* (full: Scale) {
  const scale = few(full, 3)
  const count = scale.count(1_000_000)
  const items = Array.from({ length: count }, (_, index) => index)
  const pool = yield* GreenPool.make({ maxWorkers: workers })
  const { cpu, side } = meter(scale)

  const check = (results: number): void => {
    if (results !== count) throw new Error(`${results} results of ${count}`)
  }
  const map = side("map", count, async () => {
    const results = await Effect.runPromise(pool.map(items, () => task))
    check(results.length)
  })
  const submit = side("submitUnsafe, join, poll", count, async () => {
    const tasks = items.map(() => pool.submitUnsafe(task))
    await Effect.runPromise(pool.join)
    check(tasks.map((each) => each.poll()).filter((exit) => exit !== undefined && Exit.isSuccess(exit)).length)
  })
  const limited = side("p-limit", count, async () => {
    const limit = pLimit(workers)
    const results = await Promise.all(items.map(() => limit(job)))
    check(results.length)
  })
  const queued = side("p-queue", count, async () => {
    const queue = new PQueue({ concurrency: workers })
    const results = await Promise.all(items.map(() => queue.add(job)))
    check(results.length)
  })

  const figures = yield* Effect.promise(() => alternate(scale, [map, limited, submit, queued]))
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
})

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
