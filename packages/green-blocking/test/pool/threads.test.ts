/** When threads are started, which one gets a job, and when they are ended. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { makeWords, reaches, tell, Word } from "../support/words.ts"
import {
  add,
  remember,
  spin,
  statistics,
  take,
  threadArguments,
  threadEnvironment,
  threadId,
  until,
  workers
} from "../support/workers.ts"

/** Two jobs at the same time; the first one to begin ends last. */
const twoAtOnce = Effect.gen(function* () {
  const [first, second] = [makeWords(), makeWords()]
  const one = yield* Effect.forkChild(spin(first))
  yield* reaches(first, Word.begun)
  const two = yield* Effect.forkChild(spin(second))
  yield* reaches(second, Word.begun)
  tell(second, Word.goOn)
  yield* Fiber.join(two)
  tell(first, Word.goOn)
  yield* Fiber.join(one)
})

describe("threads", () => {
  it.live("are started when they are needed, and no more than that", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* statistics).started, 0)
      for (let time = 0; time < 3; time++) yield* add(time, time)
      assert.strictEqual((yield* statistics).started, 1)
      yield* twoAtOnce
      assert.strictEqual((yield* statistics).started, 2)
    }).pipe(Effect.provide(workers({ size: 4 })))
  )

  it.live("are counted, at each moment", () =>
    Effect.gen(function* () {
      const words = [makeWords(), makeWords(), makeWords()] as const
      const now = Effect.map(statistics, ({ idle, queued, running, threads }) => [threads, idle, running, queued])
      assert.deepStrictEqual(yield* now, [0, 0, 0, 0])
      const fibers = []
      for (const each of words) fibers.push(yield* Effect.forkChild(spin(each), { startImmediately: true }))
      assert.deepStrictEqual(yield* now, [2, 0, 2, 1])
      yield* reaches(words[0], Word.begun)
      tell(words[0], Word.goOn)
      yield* reaches(words[2], Word.begun)
      assert.deepStrictEqual(yield* now, [2, 0, 2, 0])
      tell(words[1], Word.goOn)
      yield* until(({ running }) => running === 1)
      assert.deepStrictEqual(yield* now, [2, 1, 1, 0])
      tell(words[2], Word.goOn)
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(yield* now, [2, 2, 0, 0])
    }).pipe(Effect.provide(workers({ size: 2 })))
  )

  it.live("are used again, the one that worked last first", () =>
    Effect.gen(function* () {
      const [first, second] = [makeWords(), makeWords()]
      const one = yield* Effect.forkChild(spin(first))
      yield* reaches(first, Word.begun)
      const two = yield* Effect.forkChild(spin(second))
      yield* reaches(second, Word.begun)
      tell(second, Word.goOn)
      yield* Fiber.join(two)
      tell(first, Word.goOn)
      const last = (yield* Fiber.join(one)) - 1
      for (let time = 0; time < 3; time++) assert.strictEqual(yield* threadId(), last)
    }).pipe(Effect.provide(workers({ size: 2 })))
  )

  it.live("are there from the beginning, as many as minSize says, and are replaced", () =>
    Effect.gen(function* () {
      const { idle, started, threads } = yield* statistics
      assert.deepStrictEqual({ idle, started, threads }, { idle: 2, started: 2, threads: 2 })
      const words = makeWords()
      const fiber = yield* Effect.forkChild(spin(words))
      yield* reaches(words, Word.begun)
      assert.strictEqual((yield* statistics).started, 2)
      yield* Fiber.interrupt(fiber)
      const after = yield* statistics
      assert.deepStrictEqual([after.threads, after.idle, after.started], [2, 2, 3])
    }).pipe(Effect.provide(workers({ size: 3, minSize: 2, grace: 10 })))
  )

  it.live("that have no job for the idle time are ended, down to minSize", () =>
    Effect.gen(function* () {
      yield* twoAtOnce
      yield* until(({ threads }) => threads === 1)
      yield* Effect.sleep(60)
      const { idle, threads } = yield* statistics
      assert.deepStrictEqual({ idle, threads }, { idle: 1, threads: 1 })
    }).pipe(Effect.provide(workers({ size: 2, minSize: 1, idleTimeout: 30 })))
  )

  it.live("that work are not ended by the idle time", () =>
    Effect.gen(function* () {
      const words = makeWords()
      yield* add(1, 2)
      const fiber = yield* Effect.forkChild(spin(words))
      yield* reaches(words, Word.begun)
      yield* Effect.sleep(60)
      tell(words, Word.goOn)
      yield* Fiber.join(fiber)
      assert.strictEqual((yield* statistics).started, 1)
    }).pipe(Effect.provide(workers({ size: 1, idleTimeout: 1000 })))
  )

  it.live("are replaced by fresh ones after as many jobs as maxJobs says", () =>
    Effect.gen(function* () {
      const remembered = []
      for (let time = 0; time < 5; time++) remembered.push(yield* remember(time))
      assert.deepStrictEqual(remembered, [[0], [0, 1], [2], [2, 3], [4]])
    }).pipe(Effect.provide(workers({ size: 1, maxJobs: 2 })))
  )

  it.live("that are given what cannot be sent have no job of it", () =>
    Effect.gen(function* () {
      for (let time = 0; time < 3; time++) {
        const error = yield* Effect.flip(take({ at: [() => 1] }))
        assert.match(error.message, /arguments\[0\]\.at\[0\] cannot be sent/)
      }
      const { running, started } = yield* statistics
      assert.deepStrictEqual({ running, started }, { running: 0, started: 0 })
    }).pipe(Effect.provide(workers({ size: 1 })))
  )

  it.live("have the environment that they are given: what is undefined in it is not there", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* threadEnvironment("GREEN"), "yes")
      assert.strictEqual(yield* threadEnvironment("NOTHING"), undefined)
      assert.strictEqual(yield* threadEnvironment("HOME"), undefined)
    }).pipe(Effect.provide(workers({ size: 1, env: { GREEN: "yes", NOTHING: undefined } })))
  )

  it.live("have a copy of the environment of this process, and its options, unless said", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* threadEnvironment("PATH"), process.env["PATH"])
      assert.deepStrictEqual(yield* threadArguments(), process.execArgv)
    }).pipe(Effect.provide(workers({ size: 1 })))
  )

  it.live("have the options of Node that they are given", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* threadArguments(), ["--conditions=green-source", "--no-warnings"])
    }).pipe(Effect.provide(workers({ size: 1, execArgv: ["--conditions=green-source", "--no-warnings"] })))
  )
})
