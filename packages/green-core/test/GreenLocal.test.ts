import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Green, Greenlet, GreenLocal, GreenTask, wait } from "green-core"

describe("GreenLocal", () => {
  it.effect("a value set in one greenlet is invisible in a fresh one, and stands when back", () =>
    Effect.gen(function* () {
      const local = GreenLocal.make({ initial: () => "initial" })
      yield* local.set("outer")
      const inner = yield* GreenTask.run(
        Effect.gen(function* () {
          const before = yield* local.get
          yield* local.set("inner")
          return [before, yield* local.get]
        })
      )
      assert.deepStrictEqual(inner, ["initial", "inner"])
      assert.strictEqual(yield* local.get, "outer")
    })
  )

  it.effect("forks of a greenlet share its value, over suspensions", () =>
    GreenTask.run(
      Effect.gen(function* () {
        const local = GreenLocal.make({ initial: () => 0 })
        yield* local.set(1)
        const fiber = yield* Effect.forkChild(
          Effect.gen(function* () {
            yield* Effect.yieldNow
            yield* local.update((value) => value + 1)
          })
        )
        yield* Fiber.join(fiber)
        assert.strictEqual(yield* local.get, 2)
      })
    )
  )

  it.effect("plain and async functions called from the greenlet see its value", () =>
    GreenTask.run(
      Effect.gen(function* () {
        const local = GreenLocal.make({ initial: () => "none" })
        yield* local.set("request 7")
        const plain = () => local.getUnsafe()
        const late = async () => {
          await Promise.resolve()
          return local.getUnsafe()
        }
        assert.strictEqual(plain(), "request 7")
        assert.strictEqual(yield* wait(late), "request 7")
      })
    ).pipe(Effect.provide(Green.layer))
  )

  it.effect("initial is called once for each greenlet, at the first use", () =>
    Effect.gen(function* () {
      let calls = 0
      const local = GreenLocal.make({ initial: () => ++calls })
      const read = GreenTask.run(Effect.andThen(local.get, local.get))
      assert.deepStrictEqual([yield* read, yield* read], [1, 2])
      yield* GreenTask.run(Effect.void)
      assert.strictEqual(calls, 2)
    })
  )
})

describe("Greenlet", () => {
  it.effect("outside of any greenlet it is the main one, which has no parent and does not end", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Greenlet.current, Greenlet.main)
      assert.isUndefined(Greenlet.main.parent)
      assert.isFalse(Greenlet.main.ended)
    })
  )

  it.effect("a greenlet knows its parent, and that it has ended", () =>
    Effect.gen(function* () {
      const [outer, inner] = yield* GreenTask.run(
        Effect.all([Greenlet.current, GreenTask.run(Greenlet.current)] as const)
      )
      assert.strictEqual(outer.parent, Greenlet.main)
      assert.strictEqual(inner.parent, outer)
      assert.isTrue(outer.ended && inner.ended)
      assert.isFalse(yield* GreenTask.run(Effect.map(Greenlet.current, (greenlet) => greenlet.ended)))
    })
  )

  it.effect("ordinary forks belong to it; a detached one keeps it after the end", () =>
    Effect.gen(function* () {
      const task = yield* GreenTask.start(
        Effect.all([
          Greenlet.current,
          Effect.flatMap(Effect.forkChild(Greenlet.current), Fiber.join),
          Effect.forkDetach(
            Effect.andThen(
              Effect.yieldNow,
              Effect.map(Greenlet.current, (greenlet) => greenlet)
            )
          )
        ])
      )
      const [own, forked, detached] = yield* task
      assert.strictEqual(own, task.greenlet)
      assert.strictEqual(forked, own)
      assert.strictEqual(yield* Fiber.join(detached), own)
      assert.isTrue(own.ended)
    })
  )

  it.effect("an Effect run by async code inside of a greenlet belongs to it", () =>
    Effect.gen(function* () {
      const task = yield* GreenTask.start(wait(async () => Effect.runPromise(Greenlet.current)))
      assert.strictEqual(yield* task, task.greenlet)
    }).pipe(Effect.provide(Green.layer))
  )
})
