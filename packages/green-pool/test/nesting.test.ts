import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Greenlet, GreenTask } from "green-core"
import { GreenPool } from "green-pool"
import { makeGate, Meter, turns } from "./support/gate.ts"

describe("in a task of the same pool", () => {
  it.effect("fifty runs that it forks take turns in its own slot: never more than one at a time in a pool of one", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const meter = new Meter()
      const names = Array.from({ length: 50 }, (_, name) => name)
      yield* pool.run(
        Effect.gen(function* () {
          const fibers = yield* Effect.forEach(names, (name) =>
            Effect.forkChild(
              pool.run(
                meter.counted(
                  Effect.suspend(() => {
                    assert.strictEqual(pool.running, 1)
                    return Effect.yieldNow
                  }),
                  name
                )
              )
            )
          )
          yield* Fiber.joinAll(fibers)
        })
      )
      assert.strictEqual(meter.most, 1)
      assert.deepStrictEqual(meter.order, names)
      assert.deepStrictEqual([pool.size, pool.running, pool.queued], [1, 0, 0])
    })
  )

  it.effect("runs nest to any depth", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const down = (depth: number): Effect.Effect<number> =>
        depth === 0 ? Effect.succeed(0) : Effect.map(Effect.orDie(pool.run(down(depth - 1))), (value) => value + 1)
      assert.strictEqual(yield* down(50), 50)
    })
  )

  it.effect("a nested run holds a turn only while it runs: an error, a defect or an interruption passes it on", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const values = yield* pool.run(
        Effect.gen(function* () {
          const failed = yield* Effect.exit(pool.run(Effect.fail("no")))
          const died = yield* Effect.exit(pool.run(Effect.die("broken")))
          const slow = yield* Effect.forkChild(pool.run(Effect.never), { startImmediately: true })
          const waiting = yield* Effect.forkChild(pool.run(Effect.succeed("never runs")), { startImmediately: true })
          yield* Fiber.interrupt(waiting)
          yield* Fiber.interrupt(slow)
          return [Exit.isFailure(failed), Exit.isFailure(died), yield* pool.run(Effect.succeed("well"))]
        })
      )
      assert.deepStrictEqual(values, [true, true, "well"])
      assert.strictEqual(pool.idle, 1)
    })
  )

  it.effect(
    "submit and then join ends in a pool of one: the task runs in the joiner's slot, before those ahead of it",
    () =>
      Effect.gen(function* () {
        const pool = yield* GreenPool.make({ maxWorkers: 1 })
        const meter = new Meter()
        const value = yield* pool.run(
          Effect.gen(function* () {
            yield* pool.submit(meter.counted(Effect.void, "ahead"))
            const task = yield* pool.submit(
              meter.counted(
                Effect.map(Greenlet.current, (greenlet) => greenlet.parent),
                "joined"
              )
            )
            const outer = yield* Greenlet.current
            return (yield* task) === outer
          })
        )
        assert.isTrue(value)
        yield* pool.join
        assert.deepStrictEqual(meter.order, ["joined", "ahead"])
      })
  )

  it.effect("task.exit and joining from a fork do the same", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const exits = yield* pool.run(
        Effect.gen(function* () {
          const tasks = yield* Effect.forEach([1, 2, 3], (n) => pool.submit(Effect.succeed(n)))
          return yield* Effect.forEach(tasks, (task) => task.exit, { concurrency: "unbounded" })
        })
      )
      assert.deepStrictEqual(exits, [Exit.succeed(1), Exit.succeed(2), Exit.succeed(3)])
    })
  )

  it.effect(
    "a joiner that is interrupted leaves the task that runs in its slot alone, and the slot is kept until its end",
    () =>
      Effect.gen(function* () {
        const pool = yield* GreenPool.make({ maxWorkers: 1 })
        const gate = makeGate<string>()
        const queued = makeGate<GreenTask.GreenTask<string>>()
        const outer = yield* pool.submit(
          Effect.gen(function* () {
            const task = yield* pool.submit(gate.task)
            queued.open(Exit.succeed(task))
            return yield* task
          })
        )
        const inner = yield* queued.task
        yield* turns
        yield* outer.interrupt
        assert.strictEqual(pool.running, 1)
        gate.open(Exit.succeed("ended"))
        assert.strictEqual(yield* inner, "ended")
        assert.strictEqual(pool.idle, 1)
      })
  )

  it.effect("a task that waits for room in the queue runs what is queued meanwhile", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1, capacity: 2 })
      const meter = new Meter()
      yield* pool.run(Effect.forEach([1, 2, 3, 4, 5], (n) => pool.submit(meter.counted(Effect.yieldNow, n))))
      yield* pool.join
      assert.deepStrictEqual(meter.order, [1, 2, 3, 4, 5])
      assert.strictEqual(meter.most, 1)
    })
  )

  it.effect("join, whenQueuedBelow and shutdown wait for the others, and run what is queued meanwhile", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 2 })
      const meter = new Meter()
      const one = (n: number) =>
        Effect.gen(function* () {
          yield* pool.submit(meter.counted(Effect.yieldNow, n))
          yield* pool.join
          yield* pool.whenQueuedBelow(1)
        })
      yield* Effect.all([pool.run(one(1)), pool.run(one(2))], { concurrency: 2 })
      assert.deepStrictEqual(meter.order.toSorted(), [1, 2])
      yield* pool.run(Effect.andThen(pool.submit(meter.counted(Effect.void, 3)), pool.shutdown()))
      assert.deepStrictEqual(meter.order.toSorted(), [1, 2, 3])
      yield* pool.join
      assert.strictEqual(pool.size, 0)
    })
  )

  it.effect("join in a run in a task waits neither for itself nor for what it runs in", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      yield* pool.run(pool.run(pool.run(pool.join)))
      assert.strictEqual(pool.idle, 1)
    })
  )

  it.effect("map and its kin end in a pool of one", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const meter = new Meter()
      const double = (n: number) => meter.counted(Effect.as(Effect.yieldNow, n * 2), n)
      const results = yield* pool.run(
        Effect.all([
          pool.map([1, 2, 3], double),
          Stream.runCollect(pool.imap([4, 5, 6], double)),
          Stream.runCollect(pool.imapUnordered([7, 8, 9], double))
        ])
      )
      assert.deepStrictEqual(results, [
        [2, 4, 6],
        [8, 10, 12],
        [14, 16, 18]
      ])
      assert.strictEqual(meter.most, 1)
    })
  )

  it.effect("what a greenlet of its own does belongs to the slot still", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const inside = yield* pool.run(
        GreenTask.run(
          Effect.gen(function* () {
            return [pool.inGreenWorker, yield* pool.run(Effect.succeed("nested"))] as const
          })
        )
      )
      assert.deepStrictEqual(inside, [true, "nested"])
    })
  )

  it.effect("a detached fork that is left behind belongs to no slot: its runs are queued as any other", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const gate = makeGate()
      const left = yield* pool.run(
        Effect.forkDetach(
          Effect.andThen(gate.task, () =>
            Effect.sync(() => [pool.inGreenWorker] as const).pipe(Effect.zip(pool.run(Effect.succeed("queued"))))
          ),
          { startImmediately: true }
        )
      )
      assert.strictEqual(pool.idle, 1)
      gate.open(Exit.void)
      assert.deepStrictEqual(yield* Fiber.join(left), [[false], "queued"])
    })
  )

  it.effect("a run that a detached fork has begun keeps the slot until it has ended", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const gate = makeGate<string>()
      const left = yield* pool.run(Effect.forkDetach(pool.run(gate.task), { startImmediately: true }))
      assert.deepStrictEqual([pool.running, pool.idle], [1, 0])
      gate.open(Exit.succeed("ended"))
      assert.strictEqual(yield* Fiber.join(left), "ended")
      assert.deepStrictEqual([pool.running, pool.idle], [0, 1])
    })
  )

  it.effect("another pool is another matter: its runs are queued there", () =>
    Effect.gen(function* () {
      const outer = yield* GreenPool.make({ maxWorkers: 1 })
      const inner = yield* GreenPool.make({ maxWorkers: 1 })
      const seen = yield* outer.run(inner.run(Effect.sync(() => [outer.running, inner.running, inner.inGreenWorker])))
      assert.deepStrictEqual(seen, [1, 1, true])
    })
  )

  it.effect("pause does not hold back what a running task needs", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const values = yield* pool.run(
        Effect.gen(function* () {
          yield* pool.pause
          const task = yield* pool.submit(Effect.succeed("joined"))
          return [yield* pool.run(Effect.succeed("run")), yield* task]
        })
      )
      assert.deepStrictEqual(values, ["run", "joined"])
    })
  )

  it.effect("a key has no say in what is joined: it runs in the joiner's slot, and costs no worker", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 2, keyLimit: 1 })
      const joins = (key: string, other: string) =>
        pool.submit(
          Effect.gen(function* () {
            const task = yield* pool.submit(Effect.yieldNow, { key: other })
            yield* turns
            yield* task
            return key
          }),
          { key }
        )
      // Each would wait for the key of the other.
      const [a, b] = yield* Effect.all([joins("a", "b"), joins("b", "a")])
      assert.deepStrictEqual([yield* a, yield* b], ["a", "b"])
      assert.strictEqual(yield* pool.run(Effect.succeed("free"), { key: "a" }), "free")
    })
  )

  it.effect("a task that waits for room in a pool without a queue runs what it submits in its slot", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1, capacity: 0 })
      assert.strictEqual(yield* pool.run(Effect.flatten(pool.submit(Effect.succeed("inner")))), "inner")
    })
  )

  it.effect("ten thousand nested runs at once do not touch the stack", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const done = yield* pool.run(
        Effect.forEach(Array.from({ length: 10_000 }), () => pool.run(Effect.void), {
          concurrency: "unbounded",
          discard: true
        })
      )
      assert.isUndefined(done)
      assert.strictEqual(pool.idle, 1)
    })
  )

  it.effect("shutdown with interrupt interrupts also who asks for it", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const exit = yield* Effect.exit(pool.run(Effect.andThen(Effect.yieldNow, pool.shutdown({ interrupt: true }))))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      yield* pool.join
      assert.deepStrictEqual([pool.size, pool.closed], [0, true])
    })
  )
})
