import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Green, Greenlet, GreenTask, wait, type WaitError } from "green-core"
import { greenTask, type TaskError } from "green-task"
import { expectTypeOf } from "vitest"

class Database extends Context.Service<Database, { readonly name: string }>()("test/Database") {}

const layer = Layer.mergeAll(Green.layer, Layer.succeed(Database, { name: "postgresql" }))

class Store {
  readonly runtime = ManagedRuntime.make(layer);

  @greenTask
  *ping(times: number) {
    const { name } = yield* Database
    yield* wait(() => Promise.resolve())
    return `${name} ${times}`
  }

  @greenTask
  *failing() {
    yield* wait(() => Promise.resolve())
    return yield* Effect.fail("refused" as const)
  }

  greenlet() {
    return greenTask(this, function* () {
      return yield* Greenlet.current
    })
  }

  sleeping(started: () => void, finalized: () => void) {
    return greenTask(this, function* () {
      started()
      yield* Effect.ensuring(Effect.never, Effect.sync(finalized))
    })
  }

  add(one: number, other: number) {
    return greenTask(
      this,
      function* (this: Store, one: number, other: number) {
        yield* Effect.void
        return this instanceof Store ? one + other : 0
      },
      one,
      other
    )
  }
}

const withStore = <A, E>(use: (store: Store) => Effect.Effect<A, E>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Store()),
    use,
    (store) => store.runtime.disposeEffect
  )

describe("greenTask", () => {
  it.effect("a decorated method starts at once and gives a GreenTask, which yield* joins", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const task = greenTask.of(store.ping(3))
        assert.strictEqual(yield* task, "postgresql 3")
        assert.strictEqual(yield* store.ping(4), "postgresql 4")
      }).pipe(Effect.provide(layer))
    )
  )

  it.effect("the promise of a task gives its value to async code", () =>
    withStore((store) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* Effect.promise(() => greenTask.of(store.ping(1)).promise), "postgresql 1")
      })
    )
  )

  it.effect("errors are typed, in both forms", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(greenTask.of(store.failing()))
        expectTypeOf(error).toEqualTypeOf<"refused" | WaitError | TaskError>()
        assert.strictEqual(error, "refused")
      })
    )
  )

  it.effect("the function form starts at once, before the caller goes on", () =>
    withStore((store) =>
      Effect.gen(function* () {
        yield* store.greenlet()
        let started = false
        const task = store.sleeping(
          () => {
            started = true
          },
          () => {}
        )
        assert.isTrue(started)
        yield* task.interrupt
      })
    )
  )

  it.effect("the function form passes its arguments and this", () =>
    withStore((store) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* store.add(2, 3), 5)
      })
    )
  )

  it.effect("each task is a new greenlet, whose parent is that of the caller", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const inside = yield* store.greenlet()
        assert.strictEqual(inside.parent, Greenlet.currentUnsafe())
        const nested = yield* GreenTask.run(Effect.flatMap(Effect.void, () => store.greenlet()))
        assert.notStrictEqual(nested.parent, Greenlet.main)
      })
    )
  )

  it.effect("called from another runtime's fiber, a task runs on the runtime of its object", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const other = Context.make(Database, { name: "another" })
        const task = Effect.runForkWith(other)(Effect.suspend(() => greenTask.of(store.ping(5))))
        assert.strictEqual(yield* Fiber.join(task), "postgresql 5")
      })
    )
  )

  it.effect("disposing the runtime interrupts its tasks and runs their finalizers", () =>
    Effect.gen(function* () {
      const store = new Store()
      yield* store.greenlet()
      let finalized = false
      const task = store.sleeping(
        () => {},
        () => {
          finalized = true
        }
      )
      yield* store.runtime.disposeEffect
      const exit = yield* task.exit
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      assert.isTrue(finalized)
    })
  )

  it.effect("a task on a disposed runtime fails typed", () =>
    Effect.gen(function* () {
      const store = new Store()
      yield* store.runtime.disposeEffect
      const error = yield* Effect.flip(store.greenlet())
      expectTypeOf(error).toEqualTypeOf<TaskError>()
      assert.deepStrictEqual(error.reason, { _tag: "RuntimeDisposed" })
    })
  )

  it.effect("an object without a runtime fails typed, naming what it has", () =>
    Effect.gen(function* () {
      const method = greenTask.of<Effect.Effect<void>, void>
      class Wrong {
        readonly runtime = "not a runtime";
        // @ts-expect-error the object's runtime is not a ManagedRuntime
        @greenTask
        *ping() {
          yield* Effect.void
        }
      }
      const error = yield* Effect.flip(method(new Wrong().ping()))
      assert.strictEqual(error._tag, "TaskError")
      assert.deepStrictEqual(error.reason, { _tag: "NoRuntime", value: "not a runtime" })
      assert.include(error.message, "not a runtime")
    })
  )

  it("what is not a decorated method's result is refused with a TypeError", () => {
    function* plain() {
      yield* Effect.void
    }
    assert.throws(() => greenTask.of(plain()), TypeError)
  })

  it("what is no generator function is refused with a TypeError", () => {
    // @ts-expect-error a number is no body
    assert.throws(() => greenTask({}, 5), TypeError, "expected a generator function")
  })

  it("a body that requires more than the runtime has does not compile", () => {
    class Narrow {
      declare readonly runtime: ManagedRuntime.ManagedRuntime<never, never>
      ping() {
        // @ts-expect-error the runtime has no Database
        return greenTask(this, function* () {
          return yield* Database
        })
      }
      // @ts-expect-error the runtime has no Database
      @greenTask
      *query() {
        return yield* Database
      }
    }
    assert.isDefined(Narrow)
  })

  it("the error of the runtime's layer is an error of the task", () => {
    class Fallible {
      declare readonly runtime: ManagedRuntime.ManagedRuntime<never, "no connection">
      ping() {
        return greenTask(this, function* () {
          yield* Effect.void
          return 1
        })
      }
      // @ts-expect-error the layer's error is not among the method's
      @greenTask
      *unsaid() {
        yield* Effect.void
      }
    }
    expectTypeOf<ReturnType<Fallible["ping"]>>().toEqualTypeOf<
      GreenTask.GreenTask<number, "no connection" | TaskError>
    >()
  })
})
