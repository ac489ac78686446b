/**
 * The heap that it takes to give a million tasks to a pool whose queue is short: the most that was seen, collected.
 */
import * as Effect from "effect/Effect"
import { GreenPool } from "green-pool"
import { alternate, type Measure, type Scale, type Side, summary } from "../harness.ts"
import { few, task, workers } from "./tasks.ts"

const capacity = 1024
/** How often the heap is looked at. */
const looks = 20

const heap = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 1e6
}

const rows = Effect.fnUntraced(function* (full: Scale) {
  const scale = few(full, 5)
  const count = scale.count(1_000_000)
  const produce = Effect.gen(function* () {
    const start = heap()
    let most = start
    const pool = yield* GreenPool.make({ maxWorkers: workers, capacity })
    for (let submitted = 0; submitted < count; submitted++) {
      yield* pool.submit(task)
      if (submitted % Math.ceil(count / looks) === 0) most = Math.max(most, heap())
    }
    yield* pool.join
    return most - start
  })
  const producer: Side = { name: "producer", round: () => Effect.runPromise(Effect.scoped(produce)) }
  const figures = yield* Effect.promise(() => alternate(scale, [producer]))
  const figure = summary(figures(producer))
  return [
    {
      measure: `heap of a producer behind ${capacity} queued tasks`,
      ours: `${figure.median.toFixed(2)} MB`,
      against: `${count} tasks in all`,
      unit: " MB",
      figure,
      target: { relation: "<=" as const, must: 20, aim: 15 }
    }
  ]
})

export const measure: Measure = (scale) => Effect.runPromise(rows(scale))
