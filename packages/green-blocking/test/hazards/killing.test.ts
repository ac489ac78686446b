/** A job that is ended by force takes no other one with it. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { makeWords, reaches, tell, Word } from "../support/words.ts"
import { add, askForEver, sleep, spin, statistics, until, workers } from "../support/workers.ts"

/** Numbers from 0 to 1 that are the same for the same seed. */
const numbers = (seed: number) => {
  let state = seed
  return (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

describe("ending a job by force", () => {
  for (const seed of [1, 2, 3]) {
    it.live(`touches no other job: of many at once, some are interrupted and the others end well (seed ${seed})`, () =>
      Effect.gen(function* () {
        const random = numbers(seed)
        const jobs = Array.from({ length: 12 }, () => ({ words: makeWords(), isKilled: random() < 0.5 }))
        const others: Array<Fiber.Fiber<Exit.Exit<number, unknown>>> = []
        for (const { isKilled, words } of jobs) {
          const job = random() < 0.5 ? spin : sleep
          const fiber = yield* Effect.forkChild(Effect.exit(job(words)), { startImmediately: true })
          yield* Effect.forkChild(
            Effect.gen(function* () {
              yield* reaches(words, Word.begun)
              if (isKilled) yield* Fiber.interrupt(fiber)
              else tell(words, Word.goOn)
            })
          )
          if (!isKilled) others.push(fiber)
        }
        const sums = yield* Effect.all(
          jobs.map((_, n) => add(n, n)),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          sums,
          jobs.map((_, n) => n + n)
        )
        for (const exit of yield* Fiber.joinAll(others)) assert.isTrue(Exit.isSuccess(exit))
        yield* until(({ queued, running }) => queued + running === 0)
        const killed = jobs.filter(({ isKilled }) => isKilled).length
        const { started, stuck } = yield* statistics
        assert.strictEqual(stuck, 0)
        // So many were replaced, and nobody else's thread was.
        assert.isAtMost(started, 3 + killed)
      }).pipe(Effect.provide(workers({ size: 3, grace: 10 })))
    )
  }

  it.live(
    "touches no other job: a thread that is to be ended, and says then that its job has ended, gets no other",
    () =>
      Effect.gen(function* () {
        for (let time = 0; time < 3; time++) {
          const words = makeWords()
          const fiber = yield* Effect.forkChild(spin(words))
          yield* reaches(words, Word.begun)
          const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
          const next = yield* Effect.forkChild(add(time, 1), { startImmediately: true })
          // The job ends within the grace, which has passed when that is heard.
          tell(words, Word.goOn)
          Atomics.wait(words, Word.finished, 0)
          const later = performance.now() + 30
          while (performance.now() < later);
          yield* Fiber.join(interrupting)
          assert.strictEqual(yield* Fiber.join(next), time + 1)
        }
      }).pipe(Effect.provide(workers({ size: 1, grace: 10 })))
  )
})

describe("a time-out", () => {
  it.live("ends code that computes, a grace later", () =>
    Effect.gen(function* () {
      const words = makeWords()
      yield* add(0, 0)
      const begin = performance.now()
      const exit = yield* Effect.exit(Effect.timeout(spin(words), 200))
      const milliseconds = performance.now() - begin
      assert.isTrue(
        Exit.isFailure(exit) &&
          exit.cause.reasons.some((each) => Cause.isFailReason(each) && Cause.isTimeoutError(each.error))
      )
      // 200, a grace of 100, and the ending of the thread: some 5 ms where nothing else runs.
      assert.isAtLeast(milliseconds, 290)
      assert.isBelow(milliseconds, 2000)
    }).pipe(Effect.provide(workers({ size: 1, grace: 100 })))
  )

  it.live("ends code that asks all the time, within the grace, and its thread goes on", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const exit = yield* Effect.exit(Effect.timeout(askForEver(words), 1000))
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(yield* add(1, 1), 2)
      assert.strictEqual((yield* statistics).started, 1)
    }).pipe(Effect.provide(workers({ size: 1, grace: "1 minute" })))
  )
})
