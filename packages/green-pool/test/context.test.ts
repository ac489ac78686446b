import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { Green, GreenLocal, Greenlet, FdIo, waitFd } from "green-core"
import { VirtualFds } from "green-core/testing"
import { GreenPool } from "green-pool"
import { AsyncLocalStorage } from "node:async_hooks"
import { makeGate } from "./support/gate.ts"

class Tenant extends Context.Service<Tenant, string>()("test/Tenant") {}
const Language = Context.Reference<string>("test/Language", { defaultValue: () => "en" })

describe("a task runs in the context of who submitted it", () => {
  const seen = Effect.all([Tenant, Language])

  it.effect("services and references, also when it has been queued", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const gate = makeGate()
      yield* pool.submit(gate.task)
      const tasks = yield* Effect.forEach(["ann", "bob"], (name) =>
        pool.submit(seen).pipe(Effect.provideService(Tenant, name), Effect.provideService(Language, `${name}'s`))
      )
      gate.open(Exit.void)
      assert.deepStrictEqual(yield* Effect.all(tasks), [
        ["ann", "ann's"],
        ["bob", "bob's"]
      ])
    })
  )

  it.effect("in run, map and imap too", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const all = Effect.all([
        pool.run(seen),
        pool.run(pool.run(seen)),
        Effect.flatten(
          Effect.map(
            pool.map([0], () => seen),
            ([one]) => Effect.fromNullishOr(one)
          )
        ),
        Effect.flatten(Effect.map(Stream.runCollect(pool.imap([0], () => seen)), ([one]) => Effect.fromNullishOr(one)))
      ])
      const results = yield* all.pipe(Effect.provideService(Tenant, "ann"), Effect.provideService(Language, "de"))
      for (const result of results) assert.deepStrictEqual(result, ["ann", "de"])
    })
  )

  it.effect("and in Node's asynchronous context of the submitter, not of the task that made room for it", () =>
    Effect.gen(function* () {
      const storage = new AsyncLocalStorage<string>()
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const gate = makeGate()
      const stored = Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => storage.getStore())
      )
      yield* Effect.sync(() => storage.run("first", () => pool.submitUnsafe(gate.task)))
      const second = storage.run("second", () => pool.submitUnsafe(stored))
      const third = pool.submitUnsafe(stored)
      const mapped = storage.run("map", () => Effect.runFork(pool.map([1, 2, 3], () => stored)))
      gate.open(Exit.void)
      assert.strictEqual(yield* second, "second")
      assert.strictEqual(yield* third, undefined)
      assert.deepStrictEqual(
        yield* Effect.flatten(
          Effect.promise(
            () => new Promise<Exit.Exit<ReadonlyArray<unknown>, unknown>>((resolve) => mapped.addObserver(resolve))
          )
        ),
        ["map", "map", "map"]
      )
      assert.strictEqual(storage.getStore(), undefined)
    })
  )

  it.effect("in a greenlet of its own: locals start fresh, in a nested run too", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const local = GreenLocal.make({ initial: () => 0 })
      yield* local.set(7)
      const bump = Effect.andThen(
        local.update((value) => value + 1),
        local.get
      )
      assert.strictEqual(yield* pool.run(bump), 1)
      assert.strictEqual(yield* pool.run(bump), 1)
      const nested = yield* pool.run(Effect.all([bump, pool.run(bump), bump]))
      assert.deepStrictEqual(nested, [1, 1, 2])
      assert.strictEqual(yield* local.get, 7)
    })
  )

  it.effect("the greenlet of a nested run comes from that of the task, any other's from where the pool was made", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const parents = yield* pool.run(
        Effect.gen(function* () {
          const own = yield* Greenlet.current
          const nested = yield* pool.run(Greenlet.current)
          return [own.parent === Greenlet.main, nested.parent === own]
        })
      )
      assert.deepStrictEqual(parents, [true, true])
    })
  )
})

describe("a pool needs no particular handler", () => {
  const program = Effect.scoped(
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 2, rate: { limit: 10, interval: "10 millis" } })
      const squares = yield* pool.map(
        Array.from({ length: 30 }, (_, n) => n),
        (n) => Effect.as(Effect.sleep(1), n * n)
      )
      const task = yield* pool.submit(pool.run(Effect.succeed("nested")))
      return [squares.at(-1), yield* task] as const
    })
  )

  it("it works in a blocked thread", () => {
    assert.deepStrictEqual(Green.runSync(program), [841, "nested"])
  })

  it("and over virtual descriptors, where a deadlock of its tasks is told", async () => {
    const deadlock = Effect.scoped(
      Effect.gen(function* () {
        const pool = yield* GreenPool.make({ maxWorkers: 2 })
        const { reader } = yield* FdIo.makePipe
        return yield* Effect.flip(pool.run(waitFd(reader)))
      })
    )
    const error = await Effect.runPromise(deadlock.pipe(Effect.provide(VirtualFds.layer)))
    assert.strictEqual(error._tag === "FdError" ? error.reason._tag : error._tag, "Deadlock")
  })
})
