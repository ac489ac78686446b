/**
 * What a pool costs while nothing happens: one with nothing to do, and one whose workers all wait, with a queue.
 */
import * as Effect from "effect/Effect"
import { GreenPool } from "green-pool"
import { type Measure, type Scale, summary } from "../harness.ts"
import { workers } from "./tasks.ts"

const rows = Effect.fnUntraced(function* (scale: Scale) {
  const pool = yield* GreenPool.make({ maxWorkers: workers })
  const queued = scale.count(10_000)
  const milliseconds = scale.count(5_000)

  const row = Effect.fnUntraced(function* (measure: string) {
    // What was left behind by the start is collected before, not meanwhile.
    globalThis.gc?.()
    yield* Effect.sleep(milliseconds / 10)
    const before = process.cpuUsage()
    const start = performance.now()
    yield* Effect.sleep(milliseconds)
    const { system, user } = process.cpuUsage(before)
    const percent = (user + system) / 10 / (performance.now() - start)
    return {
      measure: `CPU of ${measure} for ${milliseconds / 1000} s`,
      ours: `${percent.toFixed(3)} %`,
      against: "nothing",
      unit: " %",
      figure: summary([percent]),
      target: { relation: "<=" as const, must: 0.5 }
    }
  })
  yield* pool.map(Array.from({ length: workers }), () => Effect.yieldNow, { discard: true })
  const idle = yield* row("an idle pool")
  for (let submitted = 0; submitted < workers + queued; submitted++) pool.submitUnsafe(Effect.never)
  const saturated = yield* row(`a pool with ${pool.running} waiting tasks, ${pool.queued} queued`)
  return [idle, saturated]
})

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
