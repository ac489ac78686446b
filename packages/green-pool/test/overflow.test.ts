import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { GreenPool, PoolClosed, PoolFull, TaskDropped } from "green-pool"
import { makeGate, Meter, turns } from "./support/gate.ts"

describe('overflow: "suspend"', () => {
  it.effect("submit waits for a place, first come, first served", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1, capacity: 1 })
      const gate = makeGate()
      const meter = new Meter()
      const submit = (name: number) => pool.submit(meter.counted(Effect.yieldNow, name))
      yield* pool.submit(gate.task)
      yield* submit(0)
      const fibers = yield* Effect.forEach([1, 2, 3], (name) =>
        Effect.forkChild(submit(name), { startImmediately: true })
      )
      yield* turns
      assert.deepStrictEqual(
        [pool.queued, fibers.map((fiber) => fiber.pollUnsafe())],
        [1, [undefined, undefined, undefined]]
      )
      gate.open(Exit.void)
      yield* Fiber.joinAll(fibers)
      yield* pool.join
      assert.deepStrictEqual(meter.order, [0, 1, 2, 3])
    })
  )

  it.effect("a submitter that is interrupted leaves nothing behind", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1, capacity: 0 })
      const gate = makeGate()
      let ran = false
      yield* pool.submit(gate.task)
      const fiber = yield* Effect.forkChild(
        pool.submit(
          Effect.sync(() => {
            ran = true
          })
        ),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(fiber)
      gate.open(Exit.void)
      yield* pool.join
      assert.isFalse(ran)
    })
  )

  it.effect("submitUnsafe, which cannot wait, throws PoolFull", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1, capacity: 1 })
      const gate = makeGate()
      pool.submitUnsafe(gate.task)
      pool.submitUnsafe(Effect.void)
      assert.throws(() => pool.submitUnsafe(Effect.void), PoolFull)
      gate.open(Exit.void)
      yield* pool.join
    })
  )

  it.effect("who waits for a place when the pool is shut down fails PoolClosed", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1, capacity: 0 })
      const gate = makeGate()
      yield* pool.submit(gate.task)
      const waiting = yield* Effect.forkChild(Effect.flip(pool.submit(Effect.void)), { startImmediately: true })
      const shutdown = yield* Effect.forkChild(pool.shutdown(), { startImmediately: true })
      assert.instanceOf(yield* Fiber.join(waiting), PoolClosed)
      gate.open(Exit.void)
      yield* Fiber.join(shutdown)
    })
  )
})

describe('overflow: "fail"', () => {
  it.effect("fails with the number of those that wait, and takes work again when there is room", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1, capacity: 2, overflow: "fail" })
      const gate = makeGate()
      yield* pool.submit(gate.task)
      yield* pool.submit(Effect.void)
      yield* pool.submit(Effect.void)
      const error = yield* Effect.flip(pool.submit(Effect.void))
      assert.instanceOf(error, PoolFull)
      assert.strictEqual(error.queued, 2)
      assert.include(error.message, "2 tasks wait")
      assert.instanceOf(yield* Effect.flip(pool.run(Effect.void)), PoolFull)
      gate.open(Exit.void)
      yield* pool.join
      yield* pool.run(Effect.void)
    })
  )

  it.effect("capacity 0: work is taken by a free worker only", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 2, capacity: 0, overflow: "fail" })
      const gate = makeGate()
      yield* pool.submit(gate.task)
      yield* pool.submit(gate.task)
      assert.instanceOf(yield* Effect.flip(pool.submit(Effect.void)), PoolFull)
      gate.open(Exit.void)
      yield* pool.join
      yield* pool.run(Effect.void)
    })
  )
})

describe('overflow: "drop-oldest"', () => {
  it.effect("the oldest queued task makes room, and fails TaskDropped", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1, capacity: 2, overflow: "drop-oldest" })
      const gate = makeGate()
      yield* pool.submit(gate.task)
      const [first, second, third] = yield* Effect.all([1, 2, 3].map((n) => pool.submit(Effect.succeed(n))))
      assert.deepStrictEqual([first?.poll()?._tag, second?.poll(), pool.queued], ["Failure", undefined, 2])
      assert.instanceOf(yield* Effect.flip(first ?? Effect.die("none")), TaskDropped)
      gate.open(Exit.void)
      assert.deepStrictEqual([yield* second ?? Effect.void, yield* third ?? Effect.void], [2, 3])
    })
  )

  it.effect("of those with the lowest priority, also when they wait for their key", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 2, capacity: 3, overflow: "drop-oldest", keyLimit: 1 })
      const gate = makeGate()
      yield* pool.submit(gate.task, { key: "k" })
      const parked = yield* pool.submit(Effect.succeed("parked"), { key: "k" })
      const blocker = yield* pool.submit(gate.task)
      const high = yield* pool.submit(Effect.succeed("high"), { priority: 1 })
      const low = yield* pool.submit(Effect.succeed("low"))
      yield* pool.submit(Effect.void)
      assert.instanceOf(yield* Effect.flip(parked), TaskDropped)
      yield* pool.submit(Effect.void)
      assert.instanceOf(yield* Effect.flip(low), TaskDropped)
      gate.open(Exit.void)
      yield* blocker
      assert.strictEqual(yield* high, "high")
    })
  )

  it.effect("where nothing can be queued, the newcomer is dropped", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1, capacity: 0, overflow: "drop-oldest" })
      const gate = makeGate()
      yield* pool.submit(gate.task)
      assert.instanceOf(yield* Effect.flip(yield* pool.submit(Effect.void)), TaskDropped)
      gate.open(Exit.void)
    })
  )
})
