/**
 * The heap that a queued task takes, with what its submitter keeps of it, and the array in which he does: of a million,
 * none of which has started.
 */
import * as Effect from "effect/Effect"
import { GreenPool } from "green-pool"
import pLimit from "p-limit"
import PQueue from "p-queue"
import { alternate, type Measure, type Scale, type Side, summary } from "../harness.ts"
import { few, job, task, workers } from "./tasks.ts"

const heap = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const rows = Effect.fnUntraced(function* (full: Scale) {
  const scale = few(full, 3)
  const count = scale.count(1_000_000)
  const pool = yield* GreenPool.make({ maxWorkers: workers })

  const side = (name: string, submit: () => unknown, clear: () => Promise<unknown>): Side => ({
    name,
    round: async () => {
      const before = heap()
      const submitted = Array.from({ length: count }, submit)
      const bytes = (heap() - before) / submitted.length
      await clear()
      return bytes
    }
  })
  const ours = side(
    "submitUnsafe",
    () => pool.submitUnsafe(task),
    () => Effect.runPromise(pool.clear)
  )
  let limit = pLimit(workers)
  const limited = side(
    "p-limit",
    () => limit(job),
    async () => {
      limit.clearQueue()
      limit = pLimit(workers)
    }
  )
  const queue = new PQueue({ concurrency: workers, autoStart: false })
  const queued = side(
    "p-queue",
    () => queue.add(job),
    async () => queue.clear()
  )

  yield* pool.pause
  const figures = yield* Effect.promise(() => alternate(scale, [ours, limited, queued]))
  const median = (side: Side): string => `${summary(figures(side)).median.toFixed(0)} B`
  return [
    {
      measure: `heap per queued task, of ${count}`,
      ours: median(ours),
      against: [limited, queued].map((side) => `${side.name}: ${median(side)}`).join(", "),
      unit: " B",
      figure: summary(figures(ours)),
      target: { relation: "<=" as const, must: 250, aim: 150 }
    }
  ]
})

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
