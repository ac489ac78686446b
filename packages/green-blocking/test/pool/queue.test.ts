/** Jobs that find no thread free. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { makeWords, reaches, tell, Word } from "../support/words.ts"
import { add, spin, statistics, take, workers } from "../support/workers.ts"

describe("the queue", () => {
  it.live("is first come, first served; who leaves it makes place", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const order: Array<number> = []
      const running = yield* Effect.forkChild(spin(words))
      yield* reaches(words, Word.begun)
      const queued = yield* Effect.forEach([0, 1, 2, 3, 4, 5], (n) =>
        Effect.forkChild(
          Effect.tap(add(n, 0), () => Effect.sync(() => order.push(n))),
          { startImmediately: true }
        )
      )
      assert.strictEqual((yield* statistics).queued, 6)
      for (const n of [0, 3]) if (queued[n] !== undefined) yield* Fiber.interrupt(queued[n])
      assert.strictEqual((yield* statistics).queued, 4)
      tell(words, Word.goOn)
      yield* Fiber.join(running)
      for (const each of queued) yield* Fiber.await(each)
      assert.deepStrictEqual(order, [1, 2, 4, 5])
    }).pipe(Effect.provide(workers({ size: 1 })))
  )

  it.live("runs never more than the size, and all of them", () =>
    Effect.gen(function* () {
      const sums = yield* Effect.all(
        Array.from({ length: 500 }, (_, n) =>
          Effect.gen(function* () {
            const sum = yield* add(n, n)
            assert.isAtMost((yield* statistics).running, 3)
            return sum
          })
        ),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        sums,
        Array.from({ length: 500 }, (_, n) => n + n)
      )
      assert.isAtMost((yield* statistics).started, 3)
    }).pipe(Effect.provide(workers({ size: 3 })))
  )

  it.live("passes by any number of those that cannot be sent, without a stack that deepens", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const running = yield* Effect.forkChild(spin(words))
      yield* reaches(words, Word.begun)
      const failing = yield* Effect.forEach(Array.from({ length: 20_000 }), () =>
        Effect.forkChild(Effect.flip(take(() => 1)), { startImmediately: true })
      )
      const last = yield* Effect.forkChild(add(1, 2), { startImmediately: true })
      assert.strictEqual((yield* statistics).queued, 20_001)
      tell(words, Word.goOn)
      yield* Fiber.join(running)
      assert.strictEqual(yield* Fiber.join(last), 3)
      for (const fiber of failing) assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "NotCloneable")
    }).pipe(Effect.provide(workers({ size: 1 })))
  )
})
