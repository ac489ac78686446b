import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { GreenLock, GreenTask, LockError } from "green-core"
import { expectTypeOf } from "vitest"

/** Lets every fiber that can run go on until none can. */
const settle = Effect.repeat(Effect.yieldNow, { times: 20 })

describe("GreenLock", () => {
  it.effect("a new lock is not locked; it is locked in the body and free after it", () =>
    Effect.gen(function* () {
      const lock = yield* GreenLock.make
      assert.isFalse(lock.locked)
      assert.isTrue(yield* lock.withLock(Effect.sync(() => lock.locked)))
      assert.isFalse(lock.locked)
    })
  )

  it.effect("two branches of one greenlet exclude each other", () =>
    Effect.gen(function* () {
      const lock = yield* GreenLock.make
      let inside = 0
      let most = 0
      const body = lock.withLock(
        Effect.gen(function* () {
          most = Math.max(most, ++inside)
          yield* Effect.yieldNow
          inside--
        })
      )
      yield* GreenTask.run(Effect.all([body, body, body], { concurrency: "unbounded", discard: true }))
      assert.strictEqual(most, 1)
    })
  )

  it.effect("who waited longest is next, and there is no moment in which it is free", () =>
    Effect.gen(function* () {
      const lock = yield* GreenLock.make
      const order: Array<number> = []
      const gate = yield* Deferred.make<void>()
      const fibers = [yield* Effect.forkChild(lock.withLock(Deferred.await(gate)), { startImmediately: true })]
      for (let index = 0; index < 5; index++) {
        fibers.push(
          yield* Effect.forkChild(lock.withLock(Effect.sync(() => void order.push(index))), { startImmediately: true })
        )
      }
      let free = false
      const watched = yield* Effect.forkChild(
        Effect.forever(
          Effect.andThen(
            Effect.sync(() => {
              free ||= !lock.locked && order.length < 5
            }),
            Effect.yieldNow
          )
        )
      )
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll(fibers)
      yield* Fiber.interrupt(watched)
      assert.deepStrictEqual(order, [0, 1, 2, 3, 4])
      assert.isFalse(free)
    })
  )

  it.effect("taking it again inside of its own body fails AlreadyHeld at once, also in a fork", () =>
    Effect.gen(function* () {
      const lock = yield* GreenLock.make
      const again = Effect.flip(lock.withLock(Effect.void))
      const [direct, forked] = yield* lock.withLock(
        Effect.all([again, Effect.flatMap(Effect.forkChild(again), Fiber.join)])
      )
      assert.instanceOf(direct, LockError)
      assert.strictEqual(direct.reason._tag, "AlreadyHeld")
      assert.strictEqual(forked.reason._tag, "AlreadyHeld")
      assert.isFalse(lock.locked)
    })
  )

  it.effect("a detached fork that outlives the body can take it", () =>
    Effect.gen(function* () {
      const lock = yield* GreenLock.make
      const over = yield* Deferred.make<void>()
      const fiber = yield* lock.withLock(
        Effect.forkDetach(Effect.andThen(Deferred.await(over), lock.withLock(Effect.succeed("taken"))))
      )
      yield* Deferred.succeed(over, undefined)
      assert.strictEqual(yield* Fiber.join(fiber), "taken")
    })
  )

  it.effect("two locks nest", () =>
    Effect.gen(function* () {
      const outer = yield* GreenLock.make
      const inner = yield* GreenLock.make
      assert.strictEqual(yield* outer.withLock(inner.withLock(Effect.succeed(1))), 1)
      assert.strictEqual(
        (yield* Effect.flip(outer.withLock(inner.withLock(outer.withLock(Effect.void))))).reason._tag,
        "AlreadyHeld"
      )
    })
  )

  it.effect("the lock is handed on when the body fails, dies or is interrupted", () =>
    Effect.gen(function* () {
      const lock = yield* GreenLock.make
      yield* Effect.exit(lock.withLock(Effect.fail("no")))
      assert.isFalse(lock.locked)
      yield* Effect.exit(lock.withLock(Effect.die("no")))
      assert.isFalse(lock.locked)
      const fiber = yield* Effect.forkChild(lock.withLock(Effect.never), { startImmediately: true })
      assert.isTrue(lock.locked)
      yield* Fiber.interrupt(fiber)
      assert.isFalse(lock.locked)
    })
  )

  it.effect("a waiter that is interrupted does not break the chain", () =>
    Effect.gen(function* () {
      const lock = yield* GreenLock.make
      const gate = yield* Deferred.make<void>()
      const ran: Array<number> = []
      const fork = (index: number, body: Effect.Effect<void>) =>
        Effect.forkChild(
          lock.withLock(
            Effect.andThen(
              Effect.sync(() => void ran.push(index)),
              body
            )
          ),
          {
            startImmediately: true
          }
        )
      const holder = yield* fork(0, Deferred.await(gate))
      const [first, second, third] = [
        yield* fork(1, Effect.void),
        yield* fork(2, Effect.void),
        yield* fork(3, Effect.void)
      ]
      yield* Fiber.interrupt(second)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll([holder, first, third])
      assert.deepStrictEqual(ran, [0, 1, 3])
      assert.isFalse(lock.locked)
    })
  )

  it.effect("a waiter that is interrupted between the grant and its turn passes the lock on", () =>
    Effect.gen(function* () {
      const lock = yield* GreenLock.make
      const gate = yield* Deferred.make<void>()
      let reached = false
      const next = yield* Effect.forkChild(
        Effect.andThen(
          Effect.yieldNow,
          lock.withLock(
            Effect.sync(() => {
              reached = true
            })
          )
        )
      )
      const holder = yield* Effect.forkChild(
        Effect.andThen(
          lock.withLock(Deferred.await(gate)),
          // In the same step as the hand-over: it was granted and has not run yet.
          Effect.sync(() => next.interruptUnsafe())
        ),
        { startImmediately: true }
      )
      yield* settle
      const last = yield* Effect.forkChild(lock.withLock(Effect.succeed("last")), { startImmediately: true })
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(holder)
      assert.strictEqual(yield* Fiber.join(last), "last")
      assert.isTrue(Exit.isFailure(yield* Fiber.await(next)))
      assert.isFalse(reached)
      assert.isFalse(lock.locked)
    })
  )

  it.effect("a time-out around withLock takes the waiter out of the queue, and the holder keeps the lock", () =>
    Effect.gen(function* () {
      const lock = yield* GreenLock.make
      const holder = yield* Effect.forkChild(lock.withLock(Effect.never), { startImmediately: true })
      const waiter = yield* Effect.forkChild(Effect.exit(lock.withLock(Effect.void).pipe(Effect.timeout("1 second"))), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(waiter)))
      assert.isTrue(lock.locked)
      yield* Fiber.interrupt(holder)
      assert.isFalse(lock.locked)
    })
  )

  it.effect("100,000 waiters do not touch the stack", () =>
    Effect.gen(function* () {
      const lock = yield* GreenLock.make
      let count = 0
      const body = lock.withLock(
        Effect.sync(() => {
          count++
        })
      )
      yield* Effect.forEach(
        Array.from({ length: 100_000 }, () => body),
        (effect) => effect,
        { concurrency: "unbounded", discard: true }
      )
      assert.strictEqual(count, 100_000)
      assert.isFalse(lock.locked)
    })
  )

  it.effect("value, error and requirements are those of the body", () =>
    Effect.gen(function* () {
      const lock = yield* GreenLock.make
      expectTypeOf(lock.withLock(Effect.succeed(1))).toEqualTypeOf<Effect.Effect<number, LockError>>()
      assert.strictEqual(yield* lock.withLock(Effect.succeed(1)), 1)
    })
  )
})
