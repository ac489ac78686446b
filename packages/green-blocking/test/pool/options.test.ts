/** Options that make no sense are refused when the pool is made, by name. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { WorkersOptions } from "green-blocking"
import { availableParallelism } from "node:os"
import { statistics, workers } from "../support/workers.ts"

const wrong: ReadonlyArray<readonly [options: WorkersOptions, message: string]> = [
  [{ size: 0 }, "size: expected a whole number from 1 to 1024, and it is 0"],
  [{ size: 1.5 }, "size: expected a whole number from 1 to 1024, and it is 1.5"],
  [{ size: 1025 }, "size: expected a whole number from 1 to 1024, and it is 1025"],
  [{ size: Number.NaN }, "size: expected a whole number from 1 to 1024, and it is NaN"],
  [{ size: Infinity }, "size: expected a whole number from 1 to 1024, and it is Infinity"],
  [{ size: 2, minSize: 3 }, "minSize: expected a whole number from 0 to 2, and it is 3"],
  [{ minSize: -1, size: 1 }, "minSize: expected a whole number from 0 to 1, and it is -1"],
  [{ maxJobs: 0 }, "maxJobs: expected a whole number from 1 on, or Infinity, and it is 0"],
  [{ maxJobs: 1.5 }, "maxJobs: expected a whole number from 1 on, or Infinity, and it is 1.5"],
  [{ maxDepth: 0 }, "maxDepth: expected a whole number from 1 to 1024, and it is 0"],
  [{ idleTimeout: -1 }, "idleTimeout: expected a duration from zero to 24 days, or Infinity, and it is -1"],
  [{ idleTimeout: "25 days" }, "idleTimeout: expected a duration from zero to 24 days, or Infinity, and it is 25 days"],
  [{ grace: Infinity }, "grace: expected a duration from zero to 24 days, and it is Infinity"],
  [{ grace: Number.NaN }, "grace: expected a duration from zero to 24 days, and it is NaN"],
  [{ killDeadline: "-1 second" }, "killDeadline: expected a duration from zero to 24 days, and it is -1 second"]
]

describe("the options of a pool", () => {
  for (const [options, message] of wrong) {
    it.live(message, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.provide(statistics, workers(options)))
        assert.strictEqual(error._tag, "WorkersOptionError")
        assert.strictEqual(error.message, message)
      })
    )
  }

  it.live("are by themselves as many threads as processors, and none at once", () =>
    Effect.gen(function* () {
      const { size, started } = yield* statistics
      assert.deepStrictEqual({ size, started }, { size: availableParallelism(), started: 0 })
    }).pipe(Effect.provide(workers()))
  )

  it.live("may be the least and the most that makes sense", () =>
    Effect.gen(function* () {
      const least = { size: 1, minSize: 0, maxJobs: 1, maxDepth: 1, idleTimeout: 0, grace: 0, killDeadline: 0 }
      assert.strictEqual((yield* Effect.provide(statistics, workers(least))).size, 1)
      const most = { size: 1024, idleTimeout: Infinity, grace: "24 days", maxJobs: Infinity } as const
      assert.strictEqual((yield* Effect.provide(statistics, workers(most))).size, 1024)
    })
  )
})
