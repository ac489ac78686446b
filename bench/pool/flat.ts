/**
 * What a task costs when a million are queued before it, and when a thousand are.
 */
import * as Effect from "effect/Effect"
import { GreenPool } from "green-pool"
import { alternate, type Measure, ratioRow, type Scale } from "../harness.ts"
import { few, meter, task, workers } from "./tasks.ts"

const rows = Effect.fnUntraced(function* (full: Scale) {
  const scale = few(full, 5)
  const count = scale.count(1_000_000)
  const batch = Math.ceil(count / 1000)
  const pool = yield* GreenPool.make({ maxWorkers: workers })
  const { cpu, side } = meter(scale)
  const queued = (length: number) =>
    side(`${length} queued`, count, async () => {
      for (let done = 0; done < count; done += length) {
        for (let submitted = 0; submitted < length; submitted++) pool.submitUnsafe(task)
        await Effect.runPromise(pool.join)
      }
    })
  const many = queued(count)
  const thousand = queued(batch)
  yield* Effect.promise(() => alternate(scale, [many, thousand]))
  return [
    ratioRow({
      measure: `CPU per task, ${many.name}`,
      ours: many,
      against: thousand,
      figures: cpu,
      unit: "us",
      target: { relation: "<=", must: 1.3 }
    })
  ]
})

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
