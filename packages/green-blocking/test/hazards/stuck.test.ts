/** Threads that cannot be ended: they are given up, told and counted, and never waited for. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { green, JobError } from "green-blocking"
import { makeWords, reaches, read, Word } from "../support/words.ts"
import { add, runProgram, statistics, until, workers } from "../support/workers.ts"

const callNative = green(
  () => import("../fixtures/hazards/native.ts"),
  new URL("../fixtures/hazards/native.ts", import.meta.url),
  "callNative"
)

const options = { size: 1, grace: 20, killDeadline: 100 }

const isCannotKill = (cause: unknown): boolean =>
  cause instanceof JobError && cause.reason._tag === "CannotKill" && cause.reason.milliseconds === 100

describe("a job that is interrupted", () => {
  for (const [place, job] of [
    ["in a call of a native library", (words: Int32Array) => callNative(words, 1000)],
    ["while it waits for a program by a synchronous call", runProgram]
  ] as const) {
    it.live(`${place} is given up after the deadline, counted until its thread ends, and the pool goes on`, () =>
      Effect.gen(function* () {
        const words = makeWords()
        yield* Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(job(words))
          yield* reaches(words, Word.begun)
          yield* Fiber.interrupt(fiber)
          const exit = yield* Fiber.await(fiber)
          const causes = Exit.isFailure(exit) ? exit.cause.reasons : []
          assert.isTrue(causes.some((reason) => Cause.isDieReason(reason) && isCannotKill(reason.defect)))
          const { stuck, threads } = yield* statistics
          assert.deepStrictEqual({ stuck, threads }, { stuck: 1, threads: 0 })
          assert.strictEqual(yield* add(1, 2), 3)
          yield* until((now) => now.stuck === 0)
          assert.strictEqual(yield* add(3, 4), 7)
          const { started, ...after } = yield* statistics
          assert.deepStrictEqual(after, { size: 1, threads: 1, idle: 1, running: 0, queued: 0, stuck: 0 })
          assert.strictEqual(started, 2)
        }).pipe(Effect.provide(workers(options)))
        assert.strictEqual(read(words, Word.finished), 0)
      })
    )
  }

  it.live("is not waited for by the end of its pool, and fails CannotKill", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const fiber = yield* Effect.gen(function* () {
        const pool = yield* Effect.context<never>()
        const fiber = yield* Effect.forkDetach(Effect.exit(Effect.provideContext(callNative(words, 1000), pool)))
        yield* reaches(words, Word.begun)
        return fiber
      }).pipe(Effect.provide(workers(options)))
      assert.strictEqual(read(words, Word.finished), 0)
      const exit = yield* Fiber.join(fiber)
      const causes = Exit.isFailure(exit) ? exit.cause.reasons : []
      assert.isTrue(causes.some((reason) => Cause.isFailReason(reason) && isCannotKill(reason.error)))
    })
  )
})
