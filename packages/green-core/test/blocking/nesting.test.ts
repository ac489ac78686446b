/** Runs inside runs, and a run inside a fiber of the event loop. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { FdIo, Green, WaitFd, waitFd } from "green-core"
import { openDescriptors } from "../support/descriptors.ts"

const pipe = Effect.gen(function* () {
  const { reader, writer } = yield* FdIo.makePipe
  return { reader: yield* WaitFd.lease(reader), writer: yield* WaitFd.lease(writer) }
})

describe("a run inside a run", () => {
  it("knows its own fibers only: those of the outer run go on after it", () => {
    const order: Array<string> = []
    const say = (line: string) => Effect.sync(() => void order.push(line))
    const inner = Effect.gen(function* () {
      const { reader, writer } = yield* pipe
      yield* Effect.forkChild(Effect.andThen(Effect.sleep("10 millis"), FdIo.write(writer, Uint8Array.of(1))))
      yield* reader.wait("read")
      yield* say("inner")
    })
    Green.runSync(
      Effect.scoped(
        Effect.gen(function* () {
          const { reader, writer } = yield* pipe
          yield* FdIo.write(writer, Uint8Array.of(1))
          const others = yield* Effect.forEach(
            [Effect.sleep("1 millis"), reader.wait("read"), Effect.yieldNow],
            (waiting) => Effect.forkChild(Effect.andThen(waiting, say("outer")))
          )
          Green.runSync(Effect.scoped(inner))
          yield* Fiber.joinAll(others)
        })
      )
    )
    assert.deepEqual(order, ["inner", "outer", "outer", "outer"])
  })

  it("can be a hundred deep", () => {
    const before = openDescriptors()
    const depth = (levels: number): number =>
      levels === 0
        ? 0
        : Green.runSync(
            Effect.andThen(
              Effect.sleep("0.01 millis"),
              Effect.sync(() => depth(levels - 1))
            )
          ) + 1
    assert.equal(depth(100), 100)
    assert.deepEqual(openDescriptors(), before)
  })

  it("can complete what the outer run awaits, and ends as a defect when it awaits the outer run", () => {
    const value = Green.runSync(
      Effect.gen(function* () {
        const deferred = yield* Deferred.make<string>()
        const waiter = yield* Effect.forkChild(Deferred.await(deferred), { startImmediately: true })
        assert.isTrue(Exit.hasDies(Green.runSyncExit(Deferred.await(deferred))))
        Green.runSync(Deferred.succeed(deferred, "from inside"))
        return yield* Fiber.join(waiter)
      })
    )
    assert.equal(value, "from inside")
  })

  it("respects the leases of the outer run", () => {
    const error = Green.runSync(
      Effect.scoped(
        Effect.gen(function* () {
          const { reader } = yield* pipe
          return Green.runSync(Effect.flip(Effect.scoped(WaitFd.lease(reader.fd))))
        })
      )
    )
    assert.equal(error.reason._tag, "Busy")
  })
})

describe("a run inside a fiber of the event loop", () => {
  it.live("leaves the fibers of the loop where they are; they go on after it", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const say = (line: string) => Effect.sync(() => void order.push(line))
      const { reader, writer } = yield* pipe
      const others = yield* Effect.forEach(
        [Effect.sleep("1 millis"), reader.wait("read"), Effect.yieldNow, Effect.promise(() => Promise.resolve())],
        (waiting) => Effect.forkChild(Effect.andThen(waiting, say("loop")), { startImmediately: true })
      )
      Green.runSync(
        Effect.gen(function* () {
          yield* FdIo.write(writer, Uint8Array.of(1))
          // Both loops see that it is ready: each has a set of its own.
          const waiters = yield* Effect.forEach(["read", "read"] as const, (interest) =>
            Effect.forkChild(waitFd(reader, interest))
          )
          yield* Fiber.joinAll(waiters)
          yield* Effect.sleep("10 millis")
          yield* say("run")
        })
      )
      yield* Fiber.joinAll(others)
      assert.deepEqual(order, ["run", "loop", "loop", "loop", "loop"])
    }).pipe(Effect.scoped, Effect.provide(Green.layer))
  )

  it.live("respects the leases of the event loop, and the event loop those of the run", () =>
    Effect.gen(function* () {
      const { reader } = yield* pipe
      const lease = Effect.map(Effect.flip(Effect.scoped(WaitFd.lease(reader.fd))), (error) => error.reason._tag)
      assert.equal(Green.runSync(lease), "Busy")
      const [one, other] = yield* FdIo.makeSocketPair
      const outcome = Green.runSync(
        Effect.scoped(
          Effect.gen(function* () {
            yield* WaitFd.lease(one)
            yield* WaitFd.lease(other)
            const attempt = Effect.flip(Effect.scoped(WaitFd.lease(one)))
            const fiber = Effect.runFork(attempt.pipe(Effect.provide(Green.layer)))
            return fiber.pollUnsafe()
          })
        )
      )
      assert.isTrue(outcome !== undefined && Exit.isSuccess(outcome) && outcome.value.reason._tag === "Busy")
    }).pipe(Effect.scoped, Effect.provide(Green.layer))
  )

  it.effect("sleeps by the time of the system, also where the clock of the loop is a test clock", () =>
    Effect.sync(() => {
      const start = performance.now()
      Green.runSync(Effect.sleep("5 millis"))
      assert.isAtLeast(performance.now() - start, 5)
    })
  )
})
