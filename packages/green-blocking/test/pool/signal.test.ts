/** Jobs that are ended by an AbortSignal. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { withSignal } from "green-blocking"
import { getEventListeners } from "node:events"
import { reasonOf } from "../support/reason.ts"
import { makeWords, reaches, read, Word } from "../support/words.ts"
import { add, spin, statistics, wait, workers } from "../support/workers.ts"

describe("withSignal", () => {
  it.live("starts nothing when the signal was aborted before", () =>
    Effect.gen(function* () {
      const reason = yield* reasonOf(withSignal(AbortSignal.abort("no"))(add(1, 2)))
      assert.deepStrictEqual(reason, { _tag: "Aborted", cause: "no" })
      assert.strictEqual((yield* statistics).started, 0)
    }).pipe(Effect.provide(workers()))
  )

  it.live("interrupts a job that waits, and fails when that has ended", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const controller = new AbortController()
      const asked = yield* Deferred.make<void>()
      const Never = Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
      yield* Effect.gen(function* () {
        const job = yield* Effect.forkChild(reasonOf(withSignal(controller.signal)(wait(words))))
        yield* Deferred.await(asked)
        assert.strictEqual(getEventListeners(controller.signal, "abort").length, 1)
        controller.abort("enough")
        assert.deepStrictEqual(yield* Fiber.join(job), { _tag: "Aborted", cause: "enough" })
        assert.notStrictEqual(read(words, Word.finished), 0)
        assert.strictEqual(getEventListeners(controller.signal, "abort").length, 0)
        assert.strictEqual((yield* statistics).running, 0)
      }).pipe(Effect.provide(workers({ size: 1, grace: "1 minute" }, { Never })))
    })
  )

  it.live("ends a job that computes, after the grace", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const controller = new AbortController()
      const job = yield* Effect.forkChild(reasonOf(withSignal(controller.signal)(spin(words))))
      yield* reaches(words, Word.begun)
      controller.abort(new Error("enough"))
      assert.strictEqual((yield* Fiber.join(job))._tag, "Aborted")
      assert.strictEqual((yield* statistics).running, 0)
    }).pipe(Effect.provide(workers({ size: 1, grace: 10 })))
  )

  it.live(
    "gives what the job gives, and listens to the signal no more; one that is aborted later is nothing to it",
    () =>
      Effect.gen(function* () {
        const controller = new AbortController()
        assert.strictEqual(yield* withSignal(controller.signal)(add(1, 2)), 3)
        assert.strictEqual(getEventListeners(controller.signal, "abort").length, 0)
        controller.abort()
        assert.strictEqual((yield* statistics).idle, 1)
      }).pipe(Effect.provide(workers({ size: 1 })))
  )

  it.live("listens to the signal no more when it is interrupted", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const controller = new AbortController()
      const job = yield* Effect.forkChild(withSignal(controller.signal)(spin(words)))
      yield* reaches(words, Word.begun)
      yield* Fiber.interrupt(job)
      assert.strictEqual(getEventListeners(controller.signal, "abort").length, 0)
    }).pipe(Effect.provide(workers({ size: 1, grace: 10 })))
  )
})
