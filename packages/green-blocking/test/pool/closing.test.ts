/** The end of a pool: of its jobs, its queue and its threads. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Scope from "effect/Scope"
import { GreenWorkers } from "green-blocking"
import type { Worker } from "node:worker_threads"
import { reasonOf } from "../support/reason.ts"
import { makeWords, reaches, read, tell, Word } from "../support/words.ts"
import { add, ask, nested, spin, statistics, stubborn, until, wait, workers } from "../support/workers.ts"

/** A pool in a scope of its own, to be closed by hand. */
const pool = (layer: ReturnType<typeof workers>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(layer, scope)
    return { close: Scope.close(scope, Exit.void), provide: Effect.provideContext(context) }
  })

/** A thread that is gone has no number. */
const isThere = ({ threadId }: Worker): boolean => threadId >= 0

describe("closing a pool", () => {
  it.live("that was never used starts nothing and ends at once", () =>
    Effect.gen(function* () {
      const { close, provide } = yield* pool(workers())
      yield* close
      assert.strictEqual((yield* provide(statistics)).started, 0)
      yield* close
    })
  )

  it.live("fails jobs that run and jobs that are queued, with Closed, and later ones at once", () =>
    Effect.gen(function* () {
      const [first, second] = [makeWords(), makeWords()]
      const { close, provide } = yield* pool(workers({ size: 1, grace: 10 }))
      const running = yield* Effect.forkChild(provide(reasonOf(spin(first))))
      yield* reaches(first, Word.begun)
      const queued = yield* Effect.forkChild(provide(reasonOf(spin(second))), { startImmediately: true })
      yield* close
      assert.deepStrictEqual(yield* Fiber.join(running), { _tag: "Closed" })
      assert.deepStrictEqual(yield* Fiber.join(queued), { _tag: "Closed" })
      assert.deepStrictEqual(yield* provide(reasonOf(add(1, 2))), { _tag: "Closed" })
      assert.deepStrictEqual([read(first, Word.finished), read(second, Word.begun)], [0, 0])
      const none = { threads: 0, idle: 0, running: 0, queued: 0, stuck: 0 }
      assert.deepStrictEqual(yield* provide(statistics), { size: 1, started: 1, ...none })
    })
  )

  it.live("interrupts jobs that wait, whose finally blocks run; its threads are gone after it", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const asked = yield* Deferred.make<void>()
      const Never = Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
      const threads: Array<Worker> = []
      const started = (thread: Worker): void => void threads.push(thread)
      process.on("worker", started)
      const { close, provide } = yield* pool(workers({ size: 1, grace: "1 minute" }, { Never }))
      const running = yield* Effect.forkChild(provide(reasonOf(wait(words))))
      yield* Deferred.await(asked)
      process.off("worker", started)
      assert.deepStrictEqual(threads.map(isThere), [true])
      yield* close
      assert.deepStrictEqual(yield* Fiber.join(running), { _tag: "Closed" })
      assert.notStrictEqual(read(words, Word.finished), 0)
      assert.deepStrictEqual(threads.map(isThere), [false])
    })
  )

  it.live("while a thread starts, and while a job is being interrupted, waits for both", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const asked = yield* Deferred.make<void>()
      const Never = Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
      const { close, provide } = yield* pool(workers({ size: 2, grace: 100 }, { Never }))
      const running = yield* Effect.forkChild(provide(stubborn(words)))
      yield* Deferred.await(asked)
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(running), { startImmediately: true })
      const starting = yield* Effect.forkChild(provide(reasonOf(add(1, 2))), { startImmediately: true })
      yield* close
      yield* Fiber.join(interrupting)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(running)))
      assert.deepStrictEqual(yield* Fiber.join(starting), { _tag: "Closed" })
      assert.strictEqual((yield* provide(statistics)).threads, 0)
    })
  )

  it.live("again and again, with threads that have just started, ends each time", () =>
    Effect.gen(function* () {
      for (let time = 0; time < 10; time++) {
        const { close, provide } = yield* pool(workers({ size: 2, minSize: time % 3 }))
        const job = yield* Effect.forkChild(provide(Effect.exit(add(1, 2))), { startImmediately: true })
        if (time % 2 === 0) yield* Fiber.join(job)
        yield* close
        yield* Fiber.join(job)
      }
    })
  )

  it.live("by the end of a runtime fails what runs on it", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const runtime = ManagedRuntime.make(workers({ size: 1, grace: 10 }))
      assert.strictEqual(yield* Effect.promise(() => runtime.runPromise(add(1, 2))), 3)
      const pool = yield* Effect.promise(() => runtime.runPromise(GreenWorkers))
      const running = yield* Effect.forkChild(Effect.provideService(reasonOf(spin(words)), GreenWorkers, pool))
      yield* reaches(words, Word.begun)
      yield* runtime.disposeEffect
      assert.deepStrictEqual(yield* Fiber.join(running), { _tag: "Closed" })
    })
  )

  it.live("waits for the handlers of its jobs: what they use is there until they have ended", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const asked = yield* Deferred.make<void>()
      const mayEnd = yield* Deferred.make<void>()
      const order: Array<string> = []
      const Never = Effect.andThen(Deferred.succeed(asked, undefined), Effect.never).pipe(
        Effect.ensuring(
          Effect.andThen(
            Deferred.await(mayEnd),
            Effect.sync(() => order.push("handler"))
          )
        )
      )
      const { close, provide } = yield* pool(workers({ size: 1 }, { Never }))
      yield* Effect.forkChild(provide(Effect.exit(wait(words))))
      yield* Deferred.await(asked)
      const closing = yield* Effect.forkChild(
        Effect.andThen(
          close,
          Effect.sync(() => order.push("pool"))
        ),
        { startImmediately: true }
      )
      yield* reaches(words, Word.finished)
      yield* provide(until(({ running }) => running === 0))
      yield* Deferred.succeed(mayEnd, undefined)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(order, ["handler", "pool"])
      tell(words, Word.goOn)
    })
  )

  it.live("in a handler ends: its job fails Closed when it has ended, and its finally blocks have run", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const closing = yield* Deferred.make<Effect.Effect<void>>()
      const order: Array<string> = []
      const Never = Effect.flatten(Deferred.await(closing)).pipe(
        Effect.andThen(Effect.sync(() => order.push("never reached"))),
        Effect.onExit(() => Effect.sync(() => order.push(`handler, finally ${read(words, Word.finished) > 0}`))),
        Effect.asVoid
      )
      const { close, provide } = yield* pool(workers({ size: 2, grace: "1 minute" }, { Never }))
      yield* Deferred.succeed(closing, close)
      const reason = yield* provide(reasonOf(wait(words)))
      assert.deepStrictEqual([reason, order], [{ _tag: "Closed" }, ["handler, finally true"]])
      assert.strictEqual((yield* provide(statistics)).threads, 0)
    })
  )

  it.live("in a handler of a nested job ends, and both fail Closed", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const closing = yield* Deferred.make<Effect.Effect<void>>()
      const inner = yield* Deferred.make<boolean>()
      const waiting = Effect.onExit(wait(words), (exit) => Deferred.succeed(inner, Exit.isFailure(exit)))
      const answers = { Ask: () => nested(Effect.as(waiting, 1)), Never: Effect.flatten(Deferred.await(closing)) }
      const { close, provide } = yield* pool(workers({ size: 1, grace: "1 minute" }, answers))
      yield* Deferred.succeed(closing, close)
      assert.deepStrictEqual(yield* provide(reasonOf(ask(1))), { _tag: "Closed" })
      assert.isTrue(yield* Deferred.await(inner))
      assert.notStrictEqual(read(words, Word.finished), 0)
      assert.strictEqual((yield* provide(statistics)).threads, 0)
    })
  )

  it.live("in a handler of a job that computes on, in another thread, ends that one after its grace", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const closing = yield* Deferred.make<Effect.Effect<void>>()
      const Ask = () => Effect.as(Effect.flatten(Deferred.await(closing)), 1)
      const { close, provide } = yield* pool(workers({ size: 2, grace: 20 }, { Ask }))
      yield* Deferred.succeed(closing, close)
      const beside = yield* Effect.forkChild(provide(reasonOf(spin(words))))
      yield* reaches(words, Word.begun)
      assert.deepStrictEqual(yield* provide(reasonOf(ask(1))), { _tag: "Closed" })
      assert.deepStrictEqual(yield* Fiber.join(beside), { _tag: "Closed" })
    })
  )
})
