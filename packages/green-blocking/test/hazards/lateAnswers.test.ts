/** An answer that comes when nobody waits for it any more is no answer to what is asked next. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ask, askHastily, statistics, workers } from "../support/workers.ts"

const ns = Array.from({ length: 200 }, (_, n) => n + 2)

describe("an answer that is late", () => {
  it.live("does not answer the next call, of the same job or of the next job on the thread", () =>
    Effect.gen(function* () {
      for (let time = 1; time <= 20; time++) {
        // Each ends with a call that it did not wait for.
        assert.deepStrictEqual(yield* askHastily(ns), ns)
        assert.strictEqual(yield* ask(time), time)
      }
      assert.strictEqual((yield* statistics).started, 1)
    }).pipe(Effect.provide(workers({ size: 1 })))
  )
})
