import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { Green, Greenlet, GreenLocal, wait, type Wait, type WaitError } from "green-core"
import { runInGreenlet } from "green-task"
import { expectTypeOf } from "vitest"

class Config extends Context.Service<Config, string>()("test/Config") {}

describe("runInGreenlet", () => {
  it.effect("gives a function that returns an Effect of the body's value", () =>
    Effect.gen(function* () {
      const shout = runInGreenlet(function* (text: string, times: number) {
        const answer = yield* wait(() => Promise.resolve(text))
        return answer.toUpperCase().repeat(times)
      })
      expectTypeOf(shout).parameters.toEqualTypeOf<[text: string, times: number]>()
      expectTypeOf(shout).returns.toEqualTypeOf<Effect.Effect<string, WaitError, Wait>>()
      assert.strictEqual(yield* shout("ab", 2), "ABAB")
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("each call runs in a new greenlet, joined by the caller", () =>
    Effect.gen(function* () {
      const greenlet = runInGreenlet(function* () {
        return yield* Greenlet.current
      })
      const [one, other] = [yield* greenlet(), yield* greenlet()]
      assert.notStrictEqual(one, other)
      assert.strictEqual(one.parent, Greenlet.currentUnsafe())
      assert.isTrue(one.ended)
    })
  )

  it.effect("locals start fresh in each call", () =>
    Effect.gen(function* () {
      const local = GreenLocal.make({ initial: () => 0 })
      yield* local.set(7)
      const bump = runInGreenlet(function* () {
        yield* local.update((n) => n + 1)
        return yield* local.get
      })
      assert.deepStrictEqual([yield* bump(), yield* bump(), yield* local.get], [1, 1, 7])
    })
  )

  it.effect("interrupting the caller interrupts the body and waits for its end", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      let finalized = false
      const body = runInGreenlet(function* () {
        yield* Deferred.succeed(started, undefined)
        yield* Effect.ensuring(
          Effect.never,
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => {
              finalized = true
            })
          )
        )
      })
      const fiber = yield* Effect.forkChild(body())
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(finalized)
    })
  )

  it.effect("an exception thrown into a wait can be caught where it happened", () =>
    Effect.gen(function* () {
      const body = runInGreenlet(function* () {
        const outcome = yield* Effect.result(wait(() => Promise.reject(new Error("refused"))))
        return outcome._tag
      })
      assert.strictEqual(yield* body(), "Failure")
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("an error keeps a stack that names the faulty line", () =>
    Effect.gen(function* () {
      const deep = () => {
        throw new Error("the faulty line")
      }
      const body = runInGreenlet(function* faulty() {
        yield* wait(() => Promise.resolve())
        deep()
      })
      const exit = yield* Effect.exit(body())
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit)) {
        const error = Cause.squash(exit.cause)
        assert.instanceOf(error, Error)
        const [, first, second] = (error instanceof Error ? (error.stack ?? "") : "").split("\n")
        assert.match(first ?? "", /at deep .*runInGreenlet\.test\.ts:\d+/)
        assert.match(second ?? "", /at faulty\.next|at faulty .*runInGreenlet\.test\.ts:\d+/)
      }
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("keeps name, length and this", () =>
    Effect.gen(function* () {
      const counter = {
        count: 41,
        next: runInGreenlet(function* next(this: { count: number }, by: number) {
          yield* Effect.void
          return this.count + by
        })
      }
      assert.strictEqual(counter.next.name, "next")
      assert.strictEqual(counter.next.length, 1)
      assert.strictEqual(yield* counter.next(1), 42)
    })
  )

  it("errors and requirements are those of the body", () => {
    const body = runInGreenlet(function* (flag: boolean) {
      const config = yield* Config
      return flag ? config : yield* Effect.fail(1 as const)
    })
    expectTypeOf(body).returns.toEqualTypeOf<Effect.Effect<string, 1, Config>>()
    // @ts-expect-error the argument is a boolean
    expectTypeOf(body).toBeCallableWith("yes")
    expectTypeOf(runInGreenlet(function* () {})).returns.toEqualTypeOf<Effect.Effect<void>>()
    expectTypeOf(body).returns.not.toExtend<Effect.Effect<string, 1>>()
  })
})
