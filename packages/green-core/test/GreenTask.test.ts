import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { Greenlet, GreenTask } from "green-core"
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks"
import { expectTypeOf } from "vitest"

class Config extends Context.Service<Config, string>()("test/Config") {}

/** Two turns of the event loop: a report is made in the one after the end. */
const turns = Effect.promise(() => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve))))

/** Collects what is logged while the effect runs. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make((options) => {
      lines.push(`${options.logLevel} ${String(options.message)} ${Cause.pretty(options.cause)}`)
    })
    return Effect.as(Effect.provide(Effect.andThen(effect, turns), Logger.layer([logger])), lines)
  })

describe("GreenTask", () => {
  it.effect("starts at once, with the context of the caller, and is joined by yield*", () =>
    Effect.gen(function* () {
      let started = false
      const task = yield* GreenTask.start(
        Effect.gen(function* () {
          started = true
          yield* Effect.yieldNow
          return yield* Config
        })
      )
      assert.isTrue(started)
      assert.isUndefined(task.poll())
      expectTypeOf(task).toEqualTypeOf<GreenTask.GreenTask<string>>()
      assert.strictEqual(yield* task, "config")
      assert.deepStrictEqual(task.poll(), Exit.succeed("config"))
    }).pipe(Effect.provideService(Config, "config"))
  )

  it.effect("errors are typed when joined", () =>
    Effect.gen(function* () {
      const task = yield* GreenTask.start(Effect.fail("refused" as const))
      expectTypeOf(task).toEqualTypeOf<GreenTask.GreenTask<never, "refused">>()
      assert.strictEqual(yield* Effect.flip(task), "refused")
      assert.deepStrictEqual(yield* task.exit, Exit.fail("refused"))
    })
  )

  it.effect("any number may join; interrupting a joiner leaves the task alone", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<number>()
      const task = yield* GreenTask.start(Deferred.await(gate))
      const joiners = yield* Effect.all(
        Array.from({ length: 3 }, () => Effect.forkChild(task, { startImmediately: true }))
      )
      const [first, ...others] = joiners
      assert.isDefined(first)
      if (first !== undefined) yield* Fiber.interrupt(first)
      yield* Deferred.succeed(gate, 5)
      assert.deepStrictEqual(yield* Fiber.joinAll(others), [5, 5])
    })
  )

  it.effect("interrupt waits for the end, finalizers included, and is harmless after", () =>
    Effect.gen(function* () {
      let finalized = false
      const task = yield* GreenTask.start(
        Effect.ensuring(
          Effect.never,
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => {
              finalized = true
            })
          )
        )
      )
      yield* task.interrupt
      assert.isTrue(finalized)
      const exit = task.poll()
      assert.isTrue(exit !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      yield* task.interrupt
    })
  )

  it.effect("the promise is one and the same, and rejects with the error", () =>
    Effect.gen(function* () {
      const task = yield* GreenTask.start(Effect.succeed(1))
      assert.strictEqual(task.promise, task.promise)
      assert.strictEqual(yield* Effect.promise(() => task.promise), 1)
      const error = new Error("refused")
      const failing = yield* GreenTask.start(Effect.andThen(Effect.yieldNow, Effect.fail(error)))
      assert.strictEqual(yield* Effect.promise(() => failing.promise.catch((cause: unknown) => cause)), error)
    })
  )

  it.effect("it is not thenable, so a promise can carry it", () =>
    Effect.gen(function* () {
      const task = yield* GreenTask.start(Effect.succeed(1))
      assert.isFalse("then" in task)
      assert.strictEqual(yield* Effect.promise(async () => task), task)
    })
  )

  it.effect("a failure that nobody asked for is logged once, at the level for the unhandled", () =>
    Effect.gen(function* () {
      const lines = yield* logged(GreenTask.start(Effect.fail("nobody asked")))
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0] ?? "", /^Error a green task failed, and nobody joined it [^]*nobody asked/)
      const quiet = logged(GreenTask.start(Effect.fail("nobody asked")))
      assert.deepStrictEqual(yield* quiet.pipe(Effect.provideService(References.UnhandledLogLevel, undefined)), [])
    })
  )

  it.effect("a failure that was joined, awaited or asked for in time is not logged, nor is an interruption", () =>
    Effect.gen(function* () {
      const fail = Effect.andThen(Effect.yieldNow, Effect.fail("asked"))
      const lines = yield* logged(
        Effect.gen(function* () {
          yield* Effect.exit(yield* GreenTask.start(fail))
          yield* (yield* GreenTask.start(fail)).exit
          const awaited = yield* GreenTask.start(fail)
          yield* Effect.promise(() => awaited.promise.catch(() => {}))
          const ended = yield* GreenTask.start(Effect.fail("asked after the end, in the same turn"))
          assert.isDefined(ended.poll())
          yield* (yield* GreenTask.start(Effect.interrupt)).interrupt
        })
      )
      assert.deepStrictEqual(lines, [])
    })
  )

  it.effect("run joins in a new greenlet; interrupting the caller interrupts it and waits", () =>
    Effect.gen(function* () {
      const outer = yield* Greenlet.current
      const inner = yield* GreenTask.run(Greenlet.current)
      assert.notStrictEqual(inner, outer)
      let finalized = false
      const fiber = yield* Effect.forkChild(
        GreenTask.run(
          Effect.onInterrupt(Effect.never, () =>
            Effect.sync(() => {
              finalized = true
            })
          )
        ),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(fiber)
      assert.isTrue(finalized)
    })
  )

  it.effect("a task of its maker's own class is completed once, and asked once to end", () =>
    Effect.gen(function* () {
      class Own extends GreenTask.Class<number, string> {
        readonly greenlet = Greenlet.main
        protected readonly context = Context.empty()
        asked = 0

        protected interruptUnsafe(): void {
          this.asked++
          this.complete(Exit.interrupt())
        }

        complete(exit: Exit.Exit<number, string>): void {
          this.completeUnsafe(exit)
        }
      }
      const task = new Own()
      yield* task.interrupt
      yield* task.interrupt
      task.complete(Exit.succeed(2))
      const exit = task.poll()
      assert.isTrue(exit !== undefined && Exit.isFailure(exit))
      assert.strictEqual(task.asked, 1)
      assert.isTrue(GreenTask.isGreenTask(task))
    })
  )

  it("a maker enters a greenlet of its own, in the asynchronous context that was kept", () => {
    const storage = new AsyncLocalStorage<string>()
    const greenlet = new Greenlet.Class(Greenlet.main)
    const seen = () => [Greenlet.currentUnsafe() === greenlet, storage.getStore()] as const
    const kept = storage.run("kept", () => new AsyncResource("test"))
    storage.run("caller's", () => {
      assert.deepStrictEqual(Greenlet.enterUnsafe(greenlet, seen), [true, "caller's"])
      assert.deepStrictEqual(
        Greenlet.enterFromUnsafe(kept, greenlet, () => seen(), undefined),
        [true, "kept"]
      )
      assert.deepStrictEqual(seen(), [false, "caller's"])
    })
  })

  it("requirements are those of the effect, and a runFork must provide them", () => {
    const needs = Effect.andThen(Effect.void, Config)
    expectTypeOf(GreenTask.start(needs)).toEqualTypeOf<Effect.Effect<GreenTask.GreenTask<string>, never, Config>>()
    expectTypeOf(GreenTask.run(needs)).toEqualTypeOf<Effect.Effect<string, never, Config>>()
    expectTypeOf(Effect.runFork).not.toExtend<GreenTask.RunFork<Config>>()
    expectTypeOf(GreenTask.startUnsafe(Effect.succeed(1), Effect.runFork)).toEqualTypeOf<GreenTask.GreenTask<number>>()
  })

  it("isGreenTask tells a task from other Effects", () => {
    assert.isFalse(GreenTask.isGreenTask(Effect.void))
    assert.isTrue(GreenTask.isGreenTask(GreenTask.startUnsafe(Effect.void, Effect.runFork)))
  })
})
