import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { GreenPool } from "green-pool"
import { Meter } from "./support/gate.ts"

describe("interruption", () => {
  it.effect(
    "of a thousand queued and a hundred running tasks while submits go on: the counts are exact, no fiber is left",
    () =>
      Effect.gen(function* () {
        const pool = yield* GreenPool.make({ maxWorkers: 100 })
        const meter = new Meter()
        const doomed = yield* Effect.forEach(Array.from({ length: 1_100 }), () =>
          pool.submit(meter.counted(Effect.ensuring(Effect.never, Effect.yieldNow)))
        )
        assert.deepStrictEqual([pool.running, pool.queued], [100, 1_000])
        const submits = yield* Effect.forkChild(
          Effect.forEach(
            Array.from({ length: 500 }, (_, n) => n),
            (n) => Effect.tap(pool.submit(meter.counted(Effect.as(Effect.yieldNow, n))), () => Effect.yieldNow)
          )
        )
        yield* Effect.forEach(doomed, (task) => task.interrupt, { concurrency: "unbounded", discard: true })
        const tasks = yield* Fiber.join(submits)
        assert.deepStrictEqual(
          yield* Effect.all(tasks),
          Array.from({ length: 500 }, (_, n) => n)
        )
        assert.deepStrictEqual([pool.size, pool.idle, pool.running, pool.queued], [100, 100, 0, 0])
        assert.deepStrictEqual([meter.now, meter.most], [0, 100])
        assert.isTrue(doomed.every((task) => task.poll()?._tag === "Failure"))
      })
  )

  it.effect("a chain of a hundred thousand tasks, each joined by the next, ends without touching the stack", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: Infinity })
      let task = yield* pool.submit(Effect.yieldNow)
      for (let length = 0; length < 100_000; length++) {
        const previous = task
        task = yield* pool.submit(previous)
      }
      yield* task
      assert.strictEqual(pool.running, 0)
    })
  )
})
