import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import {
  type Fd,
  FdError,
  FdIo,
  Green,
  GreenLocal,
  GreenTask,
  Handler,
  Protocol,
  WaitFd,
  type WaitFdRequest
} from "green-core"

import { expectTypeOf } from "vitest"

const ready: Fd.Readiness = { readable: true, writable: true, hangup: false, error: false }

/** A handler that answers within the call, and counts. */
const answering = () => {
  const requests: Array<WaitFdRequest> = []
  const layer = Layer.succeed(
    WaitFd,
    WaitFd.fromClause((request, resume) => {
      requests.push(request)
      resume(Exit.succeed(ready))
      return Handler.nothingToWithdraw
    })
  )
  return { requests, layer }
}

/** A handler that answers when it is told to. */
const answeringLater = () => {
  const pending: Array<{ readonly request: WaitFdRequest; readonly resume: Handler.Resume<Fd.Readiness, FdError> }> = []
  let withdrawn = 0
  const layer = Layer.succeed(
    WaitFd,
    WaitFd.fromClause((request, resume) => {
      pending.push({ request, resume })
      return () => void withdrawn++
    })
  )
  const answer = (exit: Exit.Exit<Fd.Readiness, FdError> = Exit.succeed(ready)) =>
    Effect.sync(() => pending.shift()?.resume(exit))
  return { layer, answer, pending, withdrawn: () => withdrawn }
}

describe("Protocol", () => {
  it.effect("each yielded request is performed, in order, and its readiness is sent in", () => {
    const { layer, requests } = answering()
    return Effect.gen(function* () {
      const value = yield* Protocol.run(function* () {
        const first = yield Protocol.request(3, "write")
        const second = yield Protocol.request({ fd: 4 })
        return [first, second] as const
      })
      expectTypeOf(value).toEqualTypeOf<readonly [Fd.Readiness, Fd.Readiness]>()
      assert.deepStrictEqual(value, [ready, ready])
      assert.deepStrictEqual(
        requests.map(({ fd, interest }) => [fd, interest]),
        [
          [3, "write"],
          [4, "read"]
        ]
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("runs over real descriptors", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* FdIo.makePipe
      const fiber = yield* Effect.forkChild(
        Protocol.run(function* () {
          const readiness = yield Protocol.request(reader)
          return readiness.readable
        }),
        { startImmediately: true }
      )
      assert.strictEqual((yield* WaitFd.statistics).readers, 1)
      yield* FdIo.write(writer, new Uint8Array(1))
      assert.isTrue(yield* Fiber.join(fiber))
      yield* FdIo.close(reader)
      yield* FdIo.close(writer)
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("20,000 steps that are answered within the call do not touch the stack", () => {
    const { layer } = answering()
    return Effect.gen(function* () {
      const steps = yield* Protocol.run(function* () {
        let steps = 0
        while (steps < 20_000) {
          yield Protocol.request(3)
          steps++
        }
        return steps
      })
      assert.strictEqual(steps, 20_000)
    }).pipe(Effect.provide(layer))
  })

  it.effect("a protocol that is always answered within the call does not starve other fibers", () => {
    const { layer } = answering()
    return Effect.gen(function* () {
      let over = false
      const fiber = yield* Effect.forkChild(
        Protocol.run(function* () {
          while (!over) yield Protocol.request(3)
        })
      )
      yield* Effect.yieldNow
      over = true
      yield* Fiber.join(fiber)
    }).pipe(Effect.provide(layer))
  })

  it.effect("a wait that fails is thrown into the protocol, which may catch it", () =>
    Effect.gen(function* () {
      const caught = yield* Protocol.run(function* () {
        try {
          yield Protocol.request(99_999)
          return undefined
        } catch (error) {
          return error
        }
      })
      assert.instanceOf(caught, FdError)
      const escaped = yield* Effect.flip(
        Protocol.run(function* () {
          yield Protocol.request(99_999)
        })
      )
      expectTypeOf(escaped).toEqualTypeOf<FdError>()
      assert.strictEqual(escaped.reason._tag, "BadDescriptor")
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("a value that is not a descriptor is the typed failure", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Protocol.run(function* () {
          yield Protocol.request(-1)
        })
      )
      assert.deepInclude(error.reason, { _tag: "BadDescriptor", value: -1 })
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("anything else that is thrown is a defect, or what catch makes of it", () => {
    const { layer } = answering()
    const bug = new Error("bug")
    // oxlint-disable-next-line require-yield
    const throwing = function* (): Protocol.Protocol<void> {
      throw bug
    }
    return Effect.gen(function* () {
      const exit = yield* Effect.exit(Protocol.run(throwing))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause) && Cause.squash(exit.cause) === bug)
      const error = yield* Effect.flip(Protocol.run(throwing, { catch: (thrown) => ({ thrown }) }))
      expectTypeOf(error).toEqualTypeOf<{ thrown: unknown }>()
      assert.strictEqual(error.thrown, bug)
    }).pipe(Effect.provide(layer))
  })

  it.effect("interruption withdraws the wait and runs finally, waiting for what it waits for", () => {
    const { answer, layer, pending, withdrawn } = answeringLater()
    return Effect.gen(function* () {
      const order: Array<string> = []
      const fiber = yield* Effect.forkChild(
        Protocol.run(function* () {
          try {
            yield Protocol.request(3)
            order.push("not reached")
          } finally {
            order.push("finally")
            yield Protocol.request(4, "write")
            order.push("flushed")
          }
        }),
        { startImmediately: true }
      )
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      assert.strictEqual(withdrawn(), 1)
      assert.deepStrictEqual(order, ["finally"])
      assert.isUndefined(interrupting.pollUnsafe())
      assert.strictEqual(pending.shift()?.request.fd, 3)
      yield* answer()
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual(order, ["finally", "flushed"])
      assert.deepStrictEqual(yield* WaitFd.statistics, { readers: 0, writers: 0, descriptors: 0 })
    }).pipe(Effect.provide(layer))
  })

  it.effect("a finally that throws during interruption is a defect beside it", () => {
    const { layer } = answeringLater()
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        Protocol.run(function* () {
          try {
            yield Protocol.request(3)
          } finally {
            // oxlint-disable-next-line no-unsafe-finally
            throw new Error("in finally")
          }
        }),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(fiber)
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause) && Cause.hasDies(exit.cause))
    }).pipe(Effect.provide(layer))
  })

  it.effect("a protocol that interrupts its own fiber returns at its next wait", () => {
    const { answer, layer, pending } = answeringLater()
    return Effect.gen(function* () {
      const order: Array<string> = []
      const fiber: Fiber.Fiber<void, FdError> = yield* Effect.forkChild(
        Protocol.run(function* () {
          try {
            yield Protocol.request(3)
            fiber.interruptUnsafe()
            order.push("still running")
            yield Protocol.request(4)
            order.push("not reached")
          } finally {
            order.push("finally")
          }
        }),
        { startImmediately: true }
      )
      yield* answer()
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      assert.deepStrictEqual(order, ["still running", "finally"])
      assert.strictEqual(pending.length, 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("every step sees the context and the locals of the caller", () => {
    class Name extends Context.Service<Name, string>()("test/Name") {}
    const seen: Array<unknown> = []
    const resumes: Array<() => void> = []
    const layer = Layer.succeed(
      WaitFd,
      WaitFd.fromClause((_, resume, context) => {
        seen.push(Context.getOrUndefined(context, Name))
        resumes.push(() => resume(Exit.succeed(ready)))
        return Handler.nothingToWithdraw
      })
    )
    const local = GreenLocal.make({ initial: () => "fresh" })
    return Effect.gen(function* () {
      const task = yield* GreenTask.start(
        Effect.andThen(
          local.set("inside"),
          Protocol.run(function* () {
            yield Protocol.request(3)
            seen.push(local.getUnsafe())
            yield Protocol.request(3)
            seen.push(local.getUnsafe())
          })
        ).pipe(Effect.provideService(Name, "caller"))
      )
      // Resumed from outside of the greenlet, as an event loop does.
      resumes.shift()?.()
      resumes.shift()?.()
      yield* task
      assert.deepStrictEqual(seen, ["caller", "inside", "caller", "inside"])
    }).pipe(Effect.provide(layer))
  })
})
