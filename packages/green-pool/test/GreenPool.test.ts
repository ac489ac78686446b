import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { Greenlet, GreenTask } from "green-core"
import { GreenPool, PoolClosed, PoolOptionError } from "green-pool"
import { makeGate, turns } from "./support/gate.ts"

const counts = (pool: GreenPool.GreenPool<GreenPool.Overflow>) => ({
  size: pool.size,
  idle: pool.idle,
  running: pool.running,
  queued: pool.queued
})

describe("a new pool", () => {
  it.effect("has no workers, and a hundred at most", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      assert.deepStrictEqual(counts(pool), { size: 0, idle: 0, running: 0, queued: 0 })
      assert.strictEqual(pool.maxWorkers, 100)
      assert.isFalse(pool.closed)
      assert.isFalse(pool.inGreenWorker)
    })
  )

  it.effect("is refused with options that make no sense, by name and value", () =>
    Effect.gen(function* () {
      const refused = (options: GreenPool.MakeOptions<GreenPool.Overflow>) => Effect.flip(GreenPool.make(options))
      const wrong = [
        ["maxWorkers", 0],
        ["maxWorkers", 1.5],
        ["maxWorkers", NaN],
        ["capacity", -1],
        ["keyLimit", 0]
      ] as const
      for (const [option, value] of wrong) {
        const error = yield* refused({ [option]: value })
        assert.instanceOf(error, PoolOptionError)
        assert.deepStrictEqual([error.option, error.value], [option, value])
        assert.include(error.message, `${option}: expected`)
        assert.include(error.message, String(value))
      }
      assert.strictEqual((yield* refused({ rate: { limit: 0, interval: 1 } })).option, "rate.limit")
      assert.strictEqual((yield* refused({ rate: { limit: 1, interval: 0 } })).option, "rate.interval")
      assert.strictEqual((yield* refused({ rate: { limit: 1, interval: Infinity } })).option, "rate.interval")
      // @ts-expect-error an overflow that there is not
      assert.strictEqual((yield* Effect.flip(GreenPool.make({ overflow: "block" }))).option, "overflow")
    })
  )
})

describe("submit", () => {
  it.effect("answers a task, an Effect that joins it", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      const task = yield* pool.submit(Effect.succeed("Hi!"))
      assert.isTrue(GreenTask.isGreenTask(task))
      assert.strictEqual(yield* task, "Hi!")
      assert.deepStrictEqual(task.poll(), Exit.succeed("Hi!"))
      assert.strictEqual(yield* Effect.promise(() => task.promise), "Hi!")
    })
  )

  it.effect("starts one worker for one task, which is kept and used again", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      for (let round = 0; round < 5; round++) {
        yield* yield* pool.submit(Effect.yieldNow)
        assert.deepStrictEqual(counts(pool), { size: 1, idle: 1, running: 0, queued: 0 })
      }
    })
  )

  it.effect("the counts are exact at once: an idle worker is taken, another one is started, the rest is queued", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 2 })
      yield* pool.run(Effect.void)
      assert.deepStrictEqual(counts(pool), { size: 1, idle: 1, running: 0, queued: 0 })
      const gates = [makeGate<number>(), makeGate<number>(), makeGate<number>()]
      const tasks = gates.map(({ task }) => pool.submitUnsafe(task))
      assert.deepStrictEqual(counts(pool), { size: 2, idle: 0, running: 2, queued: 1 })
      gates.forEach(({ open }, index) => open(Exit.succeed(index)))
      assert.deepStrictEqual(yield* Effect.all(tasks), [0, 1, 2])
      assert.deepStrictEqual(counts(pool), { size: 2, idle: 2, running: 0, queued: 0 })
    })
  )

  it.effect("a task starts within submit when a worker is free", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      let started = false
      yield* pool.submit(
        Effect.sync(() => {
          started = true
        })
      )
      assert.isTrue(started)
    })
  )

  it.effect("an error, a defect and an interruption are the task's, and cost no worker", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      assert.strictEqual(yield* Effect.flip(pool.run(Effect.fail("refused"))), "refused")
      const defect = yield* Effect.exit(pool.run(Effect.die("broken")))
      assert.isTrue(Exit.isFailure(defect) && Cause.hasDies(defect.cause))
      const interrupted = yield* Effect.exit(pool.run(Effect.interrupt))
      assert.isTrue(Exit.isFailure(interrupted) && Cause.hasInterruptsOnly(interrupted.cause))
      assert.deepStrictEqual(counts(pool), { size: 1, idle: 1, running: 0, queued: 0 })
      assert.strictEqual(yield* pool.run(Effect.succeed("well")), "well")
    })
  )

  it.effect("a task outlives its submitter", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      const gate = makeGate<string>()
      const fiber = yield* Effect.forkChild(
        Effect.andThen(pool.submit(gate.task), (task) => Effect.as(Effect.yieldNow, task))
      )
      const task = yield* Fiber.join(fiber)
      gate.open(Exit.succeed("ended"))
      assert.strictEqual(yield* task, "ended")
    })
  )

  it.effect("a task is the greenlet that its code runs in, and knows that it is in a worker", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      const other = yield* GreenPool.make()
      const task = yield* pool.submit(
        Effect.sync(() => [Greenlet.currentUnsafe(), pool.inGreenWorker, other.inGreenWorker] as const)
      )
      const [greenlet, inside, insideOther] = yield* task
      assert.strictEqual(greenlet, task.greenlet)
      assert.strictEqual(greenlet.parent, Greenlet.main)
      assert.isTrue(greenlet.ended)
      assert.deepStrictEqual([inside, insideOther, pool.inGreenWorker], [true, false, false])
    })
  )

  it.effect("submitUnsafe is the same for code that is no Effect", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      assert.strictEqual(yield* Effect.promise(() => pool.submitUnsafe(Effect.succeed(1)).promise), 1)
      yield* pool.shutdown()
      assert.throws(() => pool.submitUnsafe(Effect.void), PoolClosed)
    })
  )

  it.effect("interrupting a queued task takes it out of the queue, and it never runs", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const gate = makeGate()
      let ran = false
      const first = yield* pool.submit(gate.task)
      const second = yield* pool.submit(
        Effect.sync(() => {
          ran = true
        })
      )
      const third = yield* pool.submit(Effect.succeed(3))
      assert.strictEqual(pool.queued, 2)
      yield* second.interrupt
      assert.strictEqual(pool.queued, 1)
      const exit = second.poll()
      assert.isTrue(exit !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      gate.open(Exit.void)
      yield* first
      assert.strictEqual(yield* third, 3)
      assert.isFalse(ran)
    })
  )

  it.effect("interrupting a running task frees its worker only when it has ended", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const cleanUp = makeGate()
      const task = yield* pool.submit(Effect.onInterrupt(Effect.never, () => cleanUp.task))
      const next = yield* pool.submit(Effect.succeed("next"))
      const interrupting = yield* Effect.forkChild(task.interrupt, { startImmediately: true })
      yield* turns
      assert.deepStrictEqual(counts(pool), { size: 1, idle: 0, running: 1, queued: 1 })
      assert.isUndefined(next.poll())
      cleanUp.open(Exit.void)
      yield* Fiber.join(interrupting)
      assert.strictEqual(yield* next, "next")
      assert.strictEqual(pool.idle, 1)
    })
  )

  it.effect("a task that interrupts itself by its handle ends interrupted", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const gate = makeGate()
      yield* pool.submit(gate.task)
      const task: GreenTask.GreenTask<void> = yield* pool.submit(Effect.suspend(() => task.interrupt))
      gate.open(Exit.void)
      const exit = yield* task.exit
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      assert.strictEqual(pool.idle, 1)
    })
  )

  it.effect("a time-out counts from the start of the task", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const gate = makeGate()
      yield* pool.submit(gate.task)
      const task = yield* pool.submit(Effect.never, { timeout: "10 seconds" })
      yield* TestClock.adjust("1 hour")
      assert.isUndefined(task.poll())
      gate.open(Exit.void)
      yield* turns
      yield* TestClock.adjust("9 seconds")
      assert.isUndefined(task.poll())
      yield* TestClock.adjust("1 second")
      assert.instanceOf(yield* Effect.flip(task), Cause.TimeoutError)
      assert.strictEqual(pool.idle, 1)
    })
  )
})

describe("run", () => {
  it.effect("gives the value, and the error", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      assert.strictEqual(yield* pool.run(Effect.succeed(1)), 1)
      assert.strictEqual(yield* Effect.flip(pool.run(Effect.fail("no"))), "no")
    })
  )

  it.effect("interrupted while the task is queued, it takes it out", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const gate = makeGate()
      yield* pool.submit(gate.task)
      const fiber = yield* Effect.forkChild(pool.run(Effect.void), { startImmediately: true })
      assert.strictEqual(pool.queued, 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(pool.queued, 0)
      gate.open(Exit.void)
    })
  )

  it.effect("interrupted while the task runs, it interrupts it and waits for its end", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      let ended = false
      const work = Effect.onInterrupt(Effect.never, () =>
        Effect.andThen(
          turns,
          Effect.sync(() => {
            ended = true
          })
        )
      )
      const fiber = yield* Effect.forkChild(pool.run(work), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.isTrue(ended)
      assert.deepStrictEqual(counts(pool), { size: 1, idle: 1, running: 0, queued: 0 })
    })
  )
})
