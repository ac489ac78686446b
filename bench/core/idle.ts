/**
 * What a thousand waiting fibers cost while nothing happens.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Green, waitFd } from "green-core"
import { type Measure, type Scale, summary } from "../harness.ts"
import { close, makeEvents } from "./system.ts"

const rows = Effect.fnUntraced(function* (scale: Scale) {
  const descriptors = makeEvents(scale.count(1_000), 0)
  const milliseconds = scale.count(5_000)
  const fibers = yield* Effect.forEach(descriptors, (fd) => Effect.forkChild(waitFd(fd), { startImmediately: true }))
  // What was left behind by the start is collected before, not meanwhile.
  globalThis.gc?.()
  yield* Effect.sleep(milliseconds / 10)
  const before = process.cpuUsage()
  const start = performance.now()
  yield* Effect.sleep(milliseconds)
  const { system, user } = process.cpuUsage(before)
  const percent = (user + system) / 10 / (performance.now() - start)
  yield* Fiber.interruptAll(fibers)
  close(descriptors)
  return [
    {
      measure: `CPU while ${fibers.length} fibers wait for ${milliseconds / 1000} s`,
      ours: `${percent.toFixed(3)} %`,
      against: "nothing",
      unit: " %",
      figure: summary([percent]),
      target: { relation: "<=" as const, must: 0.5 }
    }
  ]
})

export const measure: Measure = (scale) => Effect.runPromise(rows(scale).pipe(Effect.provide(Green.layer)))
