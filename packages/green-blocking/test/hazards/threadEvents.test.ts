/** What happens to a thread itself fails its job and no other, with the cause; the pool goes on. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { move } from "green-blocking"
import { folder, jobOf } from "../support/modules.ts"
import { causeOf, reasonOf } from "../support/reason.ts"
import { makeWords, reaches, tell, Word } from "../support/words.ts"
import {
  add,
  endLater,
  endWhileLoading,
  exit,
  exitLater,
  idOf,
  overflow,
  rejectLater,
  spin,
  statistics,
  sum,
  take,
  threadId,
  throwLater,
  until,
  workers
} from "../support/workers.ts"

describe("a job", () => {
  it.live("that ends its thread by process.exit fails WorkerExited with the code; another one that runs goes on", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const beside = yield* Effect.forkChild(spin(words))
      yield* reaches(words, Word.begun)
      assert.deepStrictEqual(yield* reasonOf(exit(3)), { _tag: "WorkerExited", code: 3 })
      assert.deepStrictEqual(yield* reasonOf(exit(0)), { _tag: "WorkerExited", code: 0 })
      assert.strictEqual(yield* add(1, 2), 3)
      tell(words, Word.goOn)
      yield* Fiber.join(beside)
      const { started, stuck, threads } = yield* statistics
      assert.deepStrictEqual({ started, stuck, threads }, { started: 4, stuck: 0, threads: 2 })
    }).pipe(Effect.provide(workers({ size: 2 })))
  )

  it.live("that overflows its stack fails Threw with the RangeError, and its thread goes on", () =>
    Effect.gen(function* () {
      const before = yield* threadId()
      const reason = yield* reasonOf(overflow())
      assert.strictEqual(reason._tag, "Threw")
      assert.match(causeOf(reason), /^RangeError: Maximum call stack size exceeded/)
      assert.strictEqual(yield* threadId(), before)
    }).pipe(Effect.provide(workers({ size: 1 })))
  )

  for (const [event, text, tag, cause] of [
    [
      "an error that nobody catches",
      "setTimeout(() => { throw new RangeError('late') })",
      "WorkerFailed",
      /^RangeError: late/
    ],
    [
      "a rejection that nobody handles",
      "void Promise.reject(new RangeError('late'))",
      "WorkerFailed",
      /^RangeError: late/
    ],
    ["process.exit", "setTimeout(() => process.exit(5))", "WorkerExited", /^no error/]
  ] as const) {
    it.live(`whose module is loading fails ${tag} by ${event}`, () =>
      Effect.gen(function* () {
        const url = (yield* folder).write("job.mjs", `${text}\nawait new Promise(() => setInterval(() => {}, 1000))`)
        const reason = yield* reasonOf(jobOf(url)())
        assert.strictEqual(reason._tag, tag)
        assert.match(causeOf(reason), cause)
        assert.strictEqual(yield* add(1, 2), 3)
      }).pipe(Effect.provide(workers({ size: 1 })))
    )
  }

  for (const [event, job] of [
    ["an error in a timer", throwLater],
    ["a rejection that nobody handles", rejectLater],
    ["process.exit in a timer", exitLater]
  ] as const) {
    it.live(`that has ended leaves ${event} behind: its thread is replaced, and the next job runs in another one`, () =>
      Effect.gen(function* () {
        const words = makeWords()
        const before = yield* job(words)
        yield* reaches(words, Word.begun)
        yield* until(({ threads }) => threads === 0)
        assert.notStrictEqual(yield* threadId(), before)
      }).pipe(Effect.provide(workers({ size: 1 })))
    )
  }

  for (const how of ["error", "rejection", "exit"] as const) {
    it.live(`that has not begun when its thread ends by what an earlier one left behind runs in another: ${how}`, () =>
      Effect.gen(function* () {
        const words = makeWords()
        const before = yield* endLater(words, how)
        yield* reaches(words, Word.begun)
        const next = yield* Effect.forkChild(sum(move(Uint8Array.of(1, 2, 3))), { startImmediately: true })
        yield* until(({ running }) => running === 1)
        tell(words, Word.goOn)
        const [thread, total] = yield* Fiber.join(next)
        assert.notStrictEqual(thread, before)
        assert.strictEqual(total, 6)
        yield* until(({ threads }) => threads === 1)
        const { running, started, stuck } = yield* statistics
        assert.deepStrictEqual({ running, started, stuck }, { running: 0, started: 2, stuck: 0 })
      }).pipe(Effect.provide(workers({ size: 1 })))
    )
  }

  it.live("whose module is being loaded when that happens runs in another thread, too", () =>
    Effect.gen(function* () {
      const before = yield* endWhileLoading()
      const text = `import { threadId } from "node:worker_threads"
        if (threadId === ${before}) {
          globalThis.isLoading = true
          await new Promise(() => {})
        }
        export const job = () => threadId`
      const job = jobOf((yield* folder).write("job.mjs", text))
      assert.notStrictEqual(yield* job(), before)
      assert.strictEqual((yield* statistics).started, 2)
    }).pipe(Effect.provide(workers({ size: 1 })))
  )

  it.live("that was given a port, which cannot be given back, fails with its thread", () =>
    Effect.gen(function* () {
      const words = makeWords()
      yield* endLater(words, "error")
      yield* reaches(words, Word.begun)
      const { port1, port2 } = new MessageChannel()
      const next = yield* Effect.forkChild(reasonOf(idOf(move(port2))), { startImmediately: true })
      yield* until(({ running }) => running === 1)
      tell(words, Word.goOn)
      assert.strictEqual((yield* Fiber.join(next))._tag, "WorkerFailed")
      port1.close()
    }).pipe(Effect.provide(workers({ size: 1 })))
  )

  it.live("that is interrupted while its thread ends in that way is interrupted, and nothing is started for it", () =>
    Effect.gen(function* () {
      const words = makeWords()
      yield* endLater(words, "error")
      yield* reaches(words, Word.begun)
      const next = yield* Effect.forkChild(add(1, 2), { startImmediately: true })
      yield* until(({ running }) => running === 1)
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(next), { startImmediately: true })
      tell(words, Word.goOn)
      yield* Fiber.join(interrupting)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(next)))
      yield* until(({ threads }) => threads === 0)
      assert.strictEqual((yield* statistics).started, 1)
      assert.strictEqual(yield* add(1, 2), 3)
    }).pipe(Effect.provide(workers({ size: 1, grace: "1 minute" })))
  )

  it.live("whose result is a promise fails NotSynchronous, and its rejection does not end the thread", () =>
    Effect.gen(function* () {
      const job = jobOf((yield* folder).write("job.mjs", "export const job = async () => { throw new Error('no') }"))
      assert.deepStrictEqual(yield* reasonOf(job()), { _tag: "NotSynchronous" })
      yield* threadId()
      assert.strictEqual((yield* statistics).started, 1)
    }).pipe(Effect.provide(workers({ size: 1 })))
  )

  it.live("whose result cannot even be asked whether it is a promise fails NotCloneable, and its thread goes on", () =>
    Effect.gen(function* () {
      const before = yield* threadId()
      const text = "export const job = () => ({ get then() { throw new RangeError('hostile') } })"
      const reason = yield* reasonOf(jobOf((yield* folder).write("job.mjs", text))())
      assert(reason._tag === "NotCloneable")
      assert.deepStrictEqual([reason.part, reason.path], ["result", ".then"])
      assert.match(reason.problem, /RangeError: hostile/)
      assert.strictEqual(yield* threadId(), before)
    }).pipe(Effect.provide(workers({ size: 1 })))
  )

  it.live("whose result throws when it is waited for fails NotSynchronous, and its thread goes on", () =>
    Effect.gen(function* () {
      const before = yield* threadId()
      const text = "export const job = () => ({ then() { throw new RangeError('hostile') } })"
      const job = jobOf((yield* folder).write("job.mjs", text))
      assert.deepStrictEqual(yield* reasonOf(job()), { _tag: "NotSynchronous" })
      assert.strictEqual(yield* threadId(), before)
    }).pipe(Effect.provide(workers({ size: 1 })))
  )

  it.live("that cannot be read by its thread fails WorkerFailed with the cause: it is not waited for", () =>
    Effect.gen(function* () {
      let deep: unknown = 1
      for (let depth = 0; depth < 990; depth++) deep = { deep }
      const reason = yield* reasonOf(take(deep))
      assert.strictEqual(reason._tag, "WorkerFailed")
      assert.strictEqual(yield* add(1, 2), 3)
    }).pipe(Effect.provide(workers({ size: 1, resourceLimits: { stackSizeMb: 0.3 } })))
  )
})

describe("a thread that cannot be started", () => {
  it.live("fails its job NotStarted at once, for options that Node refuses", () =>
    Effect.gen(function* () {
      const reason = yield* reasonOf(add(1, 2))
      assert.strictEqual(reason._tag, "NotStarted")
      assert.match(causeOf(reason), /--no-such-option/)
      const { queued, running, threads } = yield* statistics
      assert.deepStrictEqual({ queued, running, threads }, { queued: 0, running: 0, threads: 0 })
    }).pipe(Effect.provide(workers({ size: 1, minSize: 1, execArgv: ["--no-such-option"] })))
  )

  it.live("fails its job NotStarted, for a module that it was to load first; it is not tried again and again", () =>
    Effect.gen(function* () {
      for (let time = 1; time <= 2; time++) {
        const reason = yield* reasonOf(add(1, 2))
        assert.strictEqual(reason._tag, "NotStarted")
        assert.match(causeOf(reason), /Cannot find module/)
      }
      yield* until(({ threads }) => threads === 0)
      assert.isAtMost((yield* statistics).started, 5)
    }).pipe(Effect.provide(workers({ size: 1, minSize: 1, execArgv: ["--import", "file:///missing/module.mjs"] })))
  )
})
