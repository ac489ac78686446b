import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { type GreenTask } from "green-core"
import { GreenPool, PoolClosed, PoolOptionError } from "green-pool"
import { makeGate, Meter, turns } from "./support/gate.ts"

const isInterrupted = <A, E>(task: GreenTask.GreenTask<A, E>): boolean => {
  const exit = task.poll()
  return exit !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
}

describe("join", () => {
  it.effect("waits until nothing is queued or running", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      yield* pool.join
      const gate = makeGate()
      yield* pool.submit(gate.task)
      yield* pool.submit(Effect.yieldNow)
      const fiber = yield* Effect.forkChild(pool.join, { startImmediately: true })
      yield* turns
      assert.isUndefined(fiber.pollUnsafe())
      gate.open(Exit.void)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual([pool.running, pool.queued], [0, 0])
    })
  )

  it.effect("may be interrupted, and leaves the pool alone", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const gate = makeGate()
      yield* pool.submit(gate.task)
      const fiber = yield* Effect.forkChild(pool.join, { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(pool.running, 1)
      gate.open(Exit.void)
    })
  )
})

describe("whenQueuedBelow", () => {
  it.effect("waits until fewer than so many are queued", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const gates = [makeGate(), makeGate(), makeGate()]
      yield* Effect.forEach(gates, ({ task }) => pool.submit(task))
      yield* pool.whenQueuedBelow(3)
      const fiber = yield* Effect.forkChild(pool.whenQueuedBelow(1), { startImmediately: true })
      gates[0]?.open(Exit.void)
      yield* turns
      assert.deepStrictEqual([pool.queued, fiber.pollUnsafe()], [1, undefined])
      gates[1]?.open(Exit.void)
      yield* Fiber.join(fiber)
      assert.strictEqual(pool.queued, 0)
      gates[2]?.open(Exit.void)
    })
  )
})

describe("whenQueuedBelow, given a number that none can be fewer than,", () => {
  it.effect("fails, instead of waiting for ever", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      for (const count of [0, -1, NaN]) {
        assert.instanceOf(yield* Effect.flip(pool.whenQueuedBelow(count)), PoolOptionError)
      }
    })
  )
})

describe("clear", () => {
  it.effect("interrupts all that is queued, answers how many, and leaves what runs alone", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 2, keyLimit: 1 })
      const gate = makeGate()
      const running = yield* pool.submit(gate.task, { key: "k" })
      const parked = yield* pool.submit(Effect.void, { key: "k" })
      yield* pool.submit(gate.task)
      const queued = yield* Effect.forEach([1, 2, 3], () => pool.submit(Effect.void))
      assert.strictEqual(yield* pool.clear, 4)
      assert.isTrue([parked, ...queued].every(isInterrupted))
      assert.deepStrictEqual([pool.queued, pool.running, running.poll()], [0, 2, undefined])
      assert.strictEqual(yield* pool.clear, 0)
      gate.open(Exit.void)
    })
  )

  it.effect("is done when somebody submits again at the end of what it interrupts", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const gate = makeGate()
      yield* pool.submit(gate.task)
      const task = yield* pool.submit(Effect.void)
      const again = yield* Effect.forkChild(
        Effect.andThen(task.exit, () => pool.submit(Effect.succeed("again"))),
        { startImmediately: true }
      )
      assert.strictEqual(yield* pool.clear, 1)
      gate.open(Exit.void)
      assert.strictEqual(yield* yield* Fiber.join(again), "again")
    })
  )
})

describe("pause and resume", () => {
  it.effect("nothing that is queued starts in between; what runs goes on", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 2 })
      const gate = makeGate<string>()
      const running = yield* pool.submit(gate.task)
      yield* pool.pause
      assert.isTrue(pool.paused)
      const task = yield* pool.submit(Effect.succeed("later"))
      gate.open(Exit.succeed("went on"))
      assert.strictEqual(yield* running, "went on")
      yield* turns
      assert.deepStrictEqual([task.poll(), pool.queued, pool.running], [undefined, 1, 0])
      yield* pool.resume
      assert.strictEqual(yield* task, "later")
      assert.isFalse(pool.paused)
    })
  )
})

describe("resize", () => {
  it.effect("upwards: what is queued starts at once", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const gate = makeGate()
      yield* Effect.forEach([1, 2, 3], () => pool.submit(gate.task))
      yield* pool.resize(3)
      assert.deepStrictEqual([pool.maxWorkers, pool.size, pool.running, pool.queued], [3, 3, 3, 0])
      gate.open(Exit.void)
    })
  )

  it.effect("downwards: idle workers go at once, busy ones when their task has ended", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 4 })
      const gates = [makeGate(), makeGate(), makeGate()]
      const meter = new Meter()
      yield* Effect.forEach(gates, ({ task }) => pool.submit(task))
      yield* pool.run(Effect.void)
      assert.deepStrictEqual([pool.size, pool.idle], [4, 1])
      yield* pool.resize(2)
      assert.deepStrictEqual([pool.size, pool.idle, pool.running], [3, 0, 3])
      yield* Effect.forEach([1, 2, 3], (n) => pool.submit(meter.counted(Effect.yieldNow, n)))
      gates[0]?.open(Exit.void)
      yield* turns
      assert.deepStrictEqual([pool.size, pool.running, pool.queued], [2, 2, 3])
      gates[1]?.open(Exit.void)
      gates[2]?.open(Exit.void)
      yield* pool.join
      assert.strictEqual(meter.most, 2)
      assert.deepStrictEqual([pool.size, pool.idle], [2, 2])
    })
  )

  it.effect("to a number that makes no sense it fails, and changes nothing", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 2 })
      const error = yield* Effect.flip(pool.resize(0))
      assert.instanceOf(error, PoolOptionError)
      assert.strictEqual(pool.maxWorkers, 2)
    })
  )
})

describe("shutdown", () => {
  it.effect("of a pool that was never used is done at once", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      yield* pool.shutdown()
      assert.deepStrictEqual([pool.closed, pool.size, pool.idle], [true, 0, 0])
    })
  )

  it.effect("does what was accepted first, and takes no more", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const gate = makeGate()
      yield* pool.submit(gate.task)
      const queued = yield* pool.submit(Effect.succeed("queued"))
      const fiber = yield* Effect.forkChild(pool.shutdown(), { startImmediately: true })
      assert.isTrue(pool.closed)
      assert.instanceOf(yield* Effect.flip(pool.submit(Effect.void)), PoolClosed)
      assert.instanceOf(yield* Effect.flip(pool.run(Effect.void)), PoolClosed)
      assert.instanceOf(yield* Effect.flip(pool.map([1], Effect.succeed)), PoolClosed)
      yield* turns
      assert.isUndefined(fiber.pollUnsafe())
      gate.open(Exit.void)
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* queued, "queued")
      assert.deepStrictEqual([pool.size, pool.running, pool.queued], [0, 0, 0])
    })
  )

  it.effect('interrupt: "queued" drops the queue and waits for what runs', () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const gate = makeGate<string>()
      const running = yield* pool.submit(gate.task)
      const queued = yield* pool.submit(Effect.void)
      const fiber = yield* Effect.forkChild(pool.shutdown({ interrupt: "queued" }), { startImmediately: true })
      assert.isTrue(isInterrupted(queued))
      gate.open(Exit.succeed("ended"))
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* running, "ended")
    })
  )

  it.effect("interrupt: true interrupts all, and waits until it has ended, finalizers included", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      let finalized = false
      const running = yield* pool.submit(
        Effect.onInterrupt(Effect.never, () =>
          Effect.andThen(
            turns,
            Effect.sync(() => {
              finalized = true
            })
          )
        )
      )
      const queued = yield* pool.submit(Effect.void)
      yield* pool.shutdown({ interrupt: true })
      assert.isTrue(finalized)
      assert.isTrue(isInterrupted(running) && isInterrupted(queued))
      assert.strictEqual(pool.size, 0)
    })
  )

  it.effect("a second one may interrupt what the first waits for", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      yield* pool.submit(Effect.never)
      const first = yield* Effect.forkChild(pool.shutdown(), { startImmediately: true })
      yield* pool.shutdown({ interrupt: true })
      yield* Fiber.join(first)
    })
  )

  it.effect("resumes a paused pool, which could not end otherwise", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      yield* pool.pause
      const task = yield* pool.submit(Effect.succeed("done"))
      yield* pool.shutdown()
      assert.strictEqual(yield* task, "done")
    })
  )

  it.effect("interrupting who waits for it does not take it back", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      const gate = makeGate()
      yield* pool.submit(gate.task)
      const fiber = yield* Effect.forkChild(pool.shutdown(), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.isTrue(pool.closed)
      gate.open(Exit.void)
      yield* pool.join
    })
  )

  it.effect("closing the scope of the pool is shutdown with interrupt", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(GreenPool.make({ maxWorkers: 1 }), scope)
      const running = yield* pool.submit(Effect.never)
      const queued = yield* pool.submit(Effect.void)
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(isInterrupted(running) && isInterrupted(queued))
      assert.deepStrictEqual([pool.closed, pool.size], [true, 0])
    })
  )
})
