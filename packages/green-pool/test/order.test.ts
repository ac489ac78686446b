import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TestClock } from "effect/testing"
import { GreenPool } from "green-pool"
import { type Gate, makeGate, Meter, turns } from "./support/gate.ts"

/** A pool whose only worker is busy until `open`. */
const busy = Effect.fnUntraced(function* <O extends GreenPool.Overflow = "suspend">(
  options?: GreenPool.MakeOptions<O>
) {
  const pool = yield* GreenPool.make({ maxWorkers: 1, ...options })
  const gate = makeGate()
  yield* pool.submit(gate.task)
  const meter = new Meter()
  return { pool, meter, open: Effect.sync(() => gate.open(Exit.void)) }
})

describe("order", () => {
  it.effect("first come, first served", () =>
    Effect.gen(function* () {
      const { meter, open, pool } = yield* busy()
      const names = Array.from({ length: 100 }, (_, name) => name)
      yield* Effect.forEach(names, (name) => pool.submit(meter.counted(Effect.yieldNow, name)))
      yield* open
      yield* pool.join
      assert.deepStrictEqual(meter.order, names)
      assert.strictEqual(meter.most, 1)
    })
  )

  it.effect("the higher priority first; the same priority, first come, first served", () =>
    Effect.gen(function* () {
      const { meter, open, pool } = yield* busy()
      const submit = (name: string, priority?: number) =>
        pool.submit(meter.counted(Effect.void, name), priority === undefined ? {} : { priority })
      yield* submit("normal 1")
      yield* submit("low", -1)
      yield* submit("high 1", 5)
      yield* submit("normal 2", 0)
      yield* submit("highest", Infinity)
      yield* submit("high 2", 5)
      yield* submit("not a number", NaN)
      yield* open
      yield* pool.join
      assert.deepStrictEqual(meter.order, [
        "highest",
        "high 1",
        "high 2",
        "normal 1",
        "normal 2",
        "not a number",
        "low"
      ])
    })
  )

  it.effect("a priority can be changed while the task is queued: it goes behind those that have it", () =>
    Effect.gen(function* () {
      const { meter, open, pool } = yield* busy()
      const submit = (name: string, priority: number) => pool.submit(meter.counted(Effect.void, name), { priority })
      const a = yield* submit("a", 0)
      const b = yield* submit("b", 1)
      yield* submit("c", 1)
      assert.isTrue(yield* pool.setPriority(a, 1))
      assert.isTrue(yield* pool.setPriority(b, 0))
      yield* open
      yield* pool.join
      assert.deepStrictEqual(meter.order, ["c", "a", "b"])
      assert.isFalse(yield* pool.setPriority(a, 7))
    })
  )

  it.effect("setPriority answers false for a task of another pool", () =>
    Effect.gen(function* () {
      const { open, pool } = yield* busy()
      const other = yield* busy()
      const task = yield* other.pool.submit(Effect.void)
      assert.isFalse(yield* pool.setPriority(task, 1))
      yield* open
      yield* other.open
    })
  )
})

describe("key", () => {
  it.effect("one tenant cannot hold all workers: the others pass, and its own keep their order", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 3, keyLimit: 2 })
      const meter = new Meter()
      const gates = new Map<string, Gate<void, never>>()
      const submit = (key: string, name: string) => {
        const gate = makeGate()
        gates.set(name, gate)
        return pool.submit(meter.counted(gate.task, name), { key })
      }
      const open = (name: string) =>
        Effect.andThen(
          Effect.sync(() => gates.get(name)?.open(Exit.void)),
          turns
        )
      for (const name of ["a1", "a2", "a3", "a4"]) yield* submit("a", name)
      yield* submit("b", "b1")
      yield* submit("b", "b2")
      assert.deepStrictEqual(meter.order, ["a1", "a2", "b1"])
      assert.deepStrictEqual([pool.running, pool.queued], [3, 3])
      yield* open("b1")
      assert.deepStrictEqual(meter.order, ["a1", "a2", "b1", "b2"])
      yield* open("a2")
      assert.deepStrictEqual(meter.order, ["a1", "a2", "b1", "b2", "a3"])
      yield* open("b2")
      assert.strictEqual(pool.running, 2)
      yield* open("a1")
      assert.deepStrictEqual(meter.order.at(-1), "a4")
      yield* open("a3")
      yield* open("a4")
      yield* pool.join
      assert.deepStrictEqual([pool.running, pool.queued, pool.idle], [0, 0, 3])
    })
  )

  it.effect("priority counts within a key too", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 2, keyLimit: 1 })
      const meter = new Meter()
      const gate = makeGate()
      yield* pool.submit(gate.task, { key: 1 })
      yield* pool.submit(meter.counted(Effect.void, "low"), { key: 1 })
      yield* pool.submit(meter.counted(Effect.void, "high"), { key: 1, priority: 1 })
      yield* pool.submit(meter.counted(Effect.void, "other"), { key: 2 })
      gate.open(Exit.void)
      yield* pool.join
      assert.deepStrictEqual(meter.order, ["other", "high", "low"])
    })
  )

  it.effect("when the next of a key is interrupted before a worker is free, the one after it is next", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 2, keyLimit: 1 })
      const [first, other, last] = [makeGate(), makeGate(), makeGate()]
      yield* pool.submit(first.task, { key: "k" })
      const second = yield* pool.submit(Effect.void, { key: "k" })
      const third = yield* pool.submit(Effect.succeed("third"), { key: "k" })
      yield* pool.submit(other.task)
      // Takes the worker of the first, before the second of the key.
      yield* pool.submit(last.task, { priority: 1 })
      first.open(Exit.void)
      yield* turns
      assert.deepStrictEqual([pool.running, pool.queued], [2, 2])
      yield* second.interrupt
      last.open(Exit.void)
      assert.strictEqual(yield* third, "third")
      other.open(Exit.void)
    })
  )

  it.effect("interrupting a task that waits for its key takes it out", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 2, keyLimit: 1 })
      const gate = makeGate()
      yield* pool.submit(gate.task, { key: "k" })
      const waiting = yield* pool.submit(Effect.void, { key: "k" })
      yield* pool.run(Effect.void)
      assert.strictEqual(pool.queued, 1)
      yield* waiting.interrupt
      assert.strictEqual(pool.queued, 0)
      gate.open(Exit.void)
      yield* pool.join
      yield* pool.run(Effect.void, { key: "k" })
    })
  )
})

describe("rate", () => {
  it.effect("no more than so many start in any stretch of time of that length", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ rate: { limit: 3, interval: "1 second" } })
      const starts: Array<number> = []
      const start = Effect.flatMap(
        Effect.clockWith((clock) => clock.currentTimeMillis),
        (now) => Effect.sync(() => starts.push(now))
      )
      yield* pool.submit(start)
      yield* TestClock.adjust("900 millis")
      yield* Effect.forEach(Array.from({ length: 7 }), () => pool.submit(start))
      assert.deepStrictEqual(starts, [0, 900, 900])
      assert.strictEqual(pool.queued, 5)
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(starts, [0, 900, 900, 1000])
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(starts, [0, 900, 900, 1000, 1900, 1900, 2000, 2900])
      assert.strictEqual(pool.queued, 0)
    })
  )

  it.effect("a queued task that is joined from a task waits for the rate too", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1, rate: { limit: 1, interval: "1 second" } })
      const task = yield* pool.submit(Effect.flatMap(pool.submit(Effect.succeed("later")), (task) => task))
      yield* turns
      assert.isUndefined(task.poll())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* task, "later")
    })
  )
})
