import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { GreenPool } from "green-pool"

/** Work that never suspends, until a timer says that it has had its turn. */
const untilTimer = () => {
  let fired = false
  setTimeout(() => {
    fired = true
  }, 1)
  return () => fired
}

describe("tasks that never suspend do not starve timers and input", () => {
  it.effect("a task that submits its successor for ever", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const fired = untilTimer()
      let ran = 0
      const next: Effect.Effect<void> = Effect.suspend(() => {
        ran++
        return fired() ? Effect.void : Effect.orDie(Effect.asVoid(pool.submit(next)))
      })
      yield* pool.submit(next)
      yield* pool.join
      assert.isTrue(fired())
      assert.isAbove(ran, 1)
    })
  )

  it.effect("map over an endless input, until it is told to stop", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 4 })
      const fired = untilTimer()
      function* input() {
        for (let n = 0; !fired(); n++) yield n
      }
      yield* pool.map(input(), () => Effect.void, { discard: true })
      assert.isTrue(fired())
    })
  )

  it.effect("runs in a task", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const fired = untilTimer()
      yield* pool.run(Effect.whileLoop({ while: () => !fired(), body: () => pool.run(Effect.void), step: () => {} }))
      assert.isTrue(fired())
    })
  )

  it.effect("tasks that take one tick each, queued by the thousand", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const fired = untilTimer()
      let ran = 0
      const tick = Effect.promise(async () => {
        ran++
      })
      const fill = () => Effect.forEach(Array.from({ length: 1_000 }), () => pool.submit(tick))
      const first = fill()
      yield* first
      const refill: Effect.Effect<void> = Effect.suspend(() =>
        fired() ? Effect.void : Effect.andThen(Effect.orDie(Effect.andThen(pool.whenQueuedBelow(100), fill())), refill)
      )
      yield* refill
      yield* pool.join
      assert.isAbove(ran, 999)
    })
  )
})
