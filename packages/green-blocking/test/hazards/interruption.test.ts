/** What becomes of a job that is interrupted, wherever it is; and what its `finally` blocks can rely on. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import { makeWords, reaches, read, tell, Word } from "../support/words.ts"
import {
  add,
  ask,
  askTwice,
  sleep,
  spin,
  statistics,
  stubborn,
  swallow,
  threadId,
  until,
  wait,
  workers
} from "../support/workers.ts"

const soon = { size: 1, grace: 50 }
const late = { size: 1, grace: "1 minute" } as const

describe("a job that is interrupted", () => {
  it.live("in a wait: the wait throws, finally runs, and the thread goes on to the next job", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const asked = yield* Deferred.make<void>()
      const [exit, after] = yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(wait(words))
        yield* Deferred.await(asked)
        yield* Fiber.interrupt(fiber)
        const exit = yield* Fiber.await(fiber)
        return [exit, yield* threadId()] as const
      }).pipe(
        Effect.provide(workers(late, { Never: Effect.andThen(Deferred.succeed(asked, undefined), Effect.never) }))
      )
      assert.isTrue(Exit.hasInterrupts(exit))
      assert.strictEqual(read(words, Word.finished), after)
    })
  )

  it.live("and catches it: each later wait throws again, until the job ends by itself", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const asked = yield* Deferred.make<void>()
      let performed = 0
      const Never = Effect.suspend(() => {
        performed++
        return Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
      })
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(swallow(words, 5))
        yield* Deferred.await(asked)
        yield* Fiber.interrupt(fiber)
      }).pipe(Effect.provide(workers(late, { Never })))
      assert.deepStrictEqual([read(words, Word.count), read(words, Word.finished)], [5, 1])
      assert.strictEqual(performed, 1)
    })
  )

  it.live("and catches it for ever: is ended after the grace", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const asked = yield* Deferred.make<void>()
      const Never = Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(stubborn(words))
        yield* Deferred.await(asked)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(read(words, Word.count), 1)
        assert.strictEqual(yield* add(1, 2), 3)
      }).pipe(Effect.provide(workers(soon, { Never })))
    })
  )

  for (const [place, job] of [
    ["while it computes", spin],
    ["while it sleeps by means of its own", sleep]
  ] as const) {
    it.live(`${place}: its thread is ended after the grace, without finally, and replaced`, () =>
      Effect.gen(function* () {
        const words = makeWords()
        yield* Effect.gen(function* () {
          const before = yield* threadId()
          const fiber = yield* Effect.forkChild(job(words))
          yield* reaches(words, Word.begun)
          yield* Fiber.interrupt(fiber)
          const none = { threads: 0, idle: 0, running: 0, queued: 0, stuck: 0 }
          assert.deepStrictEqual(yield* statistics, { size: 1, started: 1, ...none })
          assert.notStrictEqual(yield* threadId(), before)
          assert.strictEqual((yield* statistics).started, 2)
        }).pipe(Effect.provide(workers(soon)))
        assert.strictEqual(read(words, Word.finished), 0)
      })
    )
  }

  it.live("while it computes, and ends within the grace: is not ended by force, and its thread goes on", () =>
    Effect.gen(function* () {
      const words = makeWords()
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(spin(words))
        yield* reaches(words, Word.begun)
        const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
        tell(words, Word.goOn)
        yield* Fiber.join(interrupting)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
        assert.strictEqual(read(words, Word.finished), 1)
        yield* threadId()
        assert.strictEqual((yield* statistics).started, 1)
      }).pipe(Effect.provide(workers(late)))
    })
  )

  it.live("while it is queued: leaves the queue at once, and never begins", () =>
    Effect.gen(function* () {
      const [first, second] = [makeWords(), makeWords()]
      yield* Effect.gen(function* () {
        const running = yield* Effect.forkChild(spin(first))
        yield* reaches(first, Word.begun)
        const queued = yield* Effect.forkChild(spin(second), { startImmediately: true })
        assert.strictEqual((yield* statistics).queued, 1)
        yield* Fiber.interrupt(queued)
        assert.strictEqual((yield* statistics).queued, 0)
        tell(first, Word.goOn)
        yield* Fiber.join(running)
        yield* threadId()
        assert.strictEqual(read(second, Word.begun), 0)
      }).pipe(Effect.provide(workers(late)))
    })
  )

  it.live("before its thread has started: never begins, and the thread takes the next job", () =>
    Effect.gen(function* () {
      const words = makeWords()
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(spin(words), { startImmediately: true })
        yield* Fiber.interrupt(fiber)
        yield* threadId()
        assert.strictEqual((yield* statistics).started, 1)
        assert.strictEqual(read(words, Word.begun), 0)
      }).pipe(Effect.provide(workers(late)))
    })
  )

  it.live(
    "when it has ended and that was not heard yet: the interruption is over all the same, and nobody is ended",
    () =>
      Effect.gen(function* () {
        yield* Effect.gen(function* () {
          for (let time = 0; time < 20; time++) {
            const words = makeWords()
            const fiber = yield* Effect.forkChild(spin(words))
            yield* reaches(words, Word.begun)
            tell(words, Word.goOn)
            // Blocks this thread until the other has done all of it.
            Atomics.wait(words, Word.finished, 0)
            // A fiber that yields at each step is overtaken by the end of the job, wherever it is in its interruption.
            yield* Effect.provideService(Fiber.interrupt(fiber), Scheduler.MaxOpsBeforeYield, 3 + time)
          }
          assert.strictEqual((yield* statistics).started, 1)
        }).pipe(Effect.provide(workers(late)))
      })
  )

  it.live("ends after the finalizers of the handler that it waited for", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const order: Array<string> = []
      const asked = yield* Deferred.make<void>()
      const mayEnd = yield* Deferred.make<void>()
      const Never = Effect.andThen(Deferred.succeed(asked, undefined), Effect.never).pipe(
        Effect.onInterrupt(() =>
          Effect.andThen(
            Deferred.await(mayEnd),
            Effect.sync(() => order.push("handler"))
          )
        )
      )
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(wait(words))
        yield* Deferred.await(asked)
        const interrupting = yield* Effect.forkChild(
          Effect.andThen(
            Fiber.interrupt(fiber),
            Effect.sync(() => order.push("job"))
          ),
          { startImmediately: true }
        )
        yield* reaches(words, Word.finished)
        // The thread is free before: it does not wait for what runs here.
        yield* until(({ running }) => running === 0)
        yield* threadId()
        yield* Deferred.succeed(mayEnd, undefined)
        yield* Fiber.join(interrupting)
      }).pipe(Effect.provide(workers(late, { Never })))
      assert.deepStrictEqual(order, ["handler", "job"])
    })
  )

  it.live("while its handler cannot be interrupted: the job goes at once, and the handler to its end", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const asked = yield* Deferred.make<void>()
      const mayEnd = yield* Deferred.make<void>()
      let isEnded = false
      const Never = Effect.uninterruptible(
        Effect.gen(function* () {
          yield* Deferred.succeed(asked, undefined)
          yield* Deferred.await(mayEnd)
          isEnded = true
        })
      )
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(wait(words))
        yield* Deferred.await(asked)
        const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
        yield* reaches(words, Word.finished)
        yield* until(({ idle }) => idle === 1)
        assert.strictEqual(interrupting.pollUnsafe(), undefined)
        yield* Deferred.succeed(mayEnd, undefined)
        yield* Fiber.join(interrupting)
        assert.isTrue(isEnded)
      }).pipe(Effect.provide(workers(late, { Never })))
    })
  )

  it.live("and killed while its handler waits: the handler is interrupted", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const asked = yield* Deferred.make<void>()
      let interrupted = 0
      const Never = Effect.andThen(Deferred.succeed(asked, undefined), Effect.never).pipe(
        Effect.onInterrupt(() => Effect.sync(() => interrupted++))
      )
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(stubborn(words))
        yield* Deferred.await(asked)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(interrupted, 1)
      }).pipe(Effect.provide(workers(soon, { Never })))
    })
  )

  it.live("leaves nothing behind for the next job of its thread: no interruption, and no answer", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const asked = yield* Deferred.make<void>()
      let count = 0
      const Ask = (n: number) =>
        Effect.suspend(() =>
          count++ === 0 ? Effect.as(Effect.uninterruptible(Deferred.succeed(asked, undefined)), -1) : Effect.succeed(n)
        )
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(askTwice(words))
        yield* reaches(words, Word.begun)
        const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
        tell(words, Word.goOn)
        yield* Fiber.join(interrupting)
        assert.strictEqual(yield* ask(7), 7)
        assert.strictEqual((yield* statistics).started, 1)
      }).pipe(Effect.provide(workers(late, { Ask })))
    })
  )
})
