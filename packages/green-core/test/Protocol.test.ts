import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
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

  it.effect(
    "a handler that interrupts the fiber as it takes the wait, has it withdrawn, and the protocol returns",
    () => {
      const order: Array<string> = []
      const resumes: Array<() => void> = []
      let fiber: Fiber.Fiber<void, FdError> | undefined
      const layer = Layer.succeed(
        WaitFd,
        WaitFd.fromClause(({ fd }, resume) => {
          resumes.push(() => resume(Exit.succeed(ready)))
          if (fd === 4) fiber?.interruptUnsafe()
          return () => void order.push(`withdrawn ${fd}`)
        })
      )
      return Effect.gen(function* () {
        fiber = yield* Effect.forkChild(
          Protocol.run(function* () {
            try {
              yield Protocol.request(3)
              yield Protocol.request(4)
              order.push("not reached")
            } finally {
              order.push("finally")
            }
          }),
          { startImmediately: true }
        )
        yield* Effect.sync(() => resumes[0]?.())
        const exit = yield* Fiber.await(fiber)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
        assert.deepStrictEqual(order, ["withdrawn 4", "finally"])
      }).pipe(Effect.provide(layer))
    }
  )

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

const closing = new FdError({ fd: 3, operation: "wait", reason: { _tag: "Closing" } })

/** Starts a protocol, and keeps its exits. */
const starting = Effect.fnUntraced(function* <A>(protocol: () => Protocol.Protocol<A>) {
  const exits: Array<Exit.Exit<A, FdError>> = []
  const stop = Protocol.start(protocol, yield* WaitFd, yield* Effect.context(), (exit) => exits.push(exit))
  return { exits, stop }
})

const isInterruption = (exit: Exit.Exit<unknown, unknown> | undefined) =>
  exit !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)

const defectOf = (exit: Exit.Exit<unknown, unknown> | undefined) =>
  exit !== undefined && Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.squash(exit.cause) : undefined

describe("Protocol.start", () => {
  it.effect("runs to its first wait within the call, and goes on within the call that wakes it", () => {
    const { answer, layer, pending } = answeringLater()
    return Effect.gen(function* () {
      const order: Array<string> = []
      const { exits } = yield* starting(function* () {
        order.push("started")
        const readiness = yield Protocol.request(3, "write")
        order.push("woken")
        return readiness
      })
      assert.deepStrictEqual(order, ["started"])
      assert.deepInclude(pending[0]?.request, { fd: 3, interest: "write" })
      assert.deepStrictEqual(exits, [])
      yield* answer()
      assert.deepStrictEqual(order, ["started", "woken"])
      assert.deepStrictEqual(exits, [Exit.succeed(ready)])
    }).pipe(Effect.provide(layer))
  })

  it.effect("calls onExit within the call when nothing has to be waited for", () => {
    const { layer } = answering()
    return Effect.gen(function* () {
      // oxlint-disable-next-line require-yield
      const atOnce = yield* starting(function* () {
        return "at once"
      })
      assert.deepStrictEqual(atOnce.exits, [Exit.succeed("at once")])
      const answered = yield* starting(function* () {
        yield Protocol.request(3)
        return "answered"
      })
      assert.deepStrictEqual(answered.exits, [Exit.succeed("answered")])
    }).pipe(Effect.provide(layer))
  })

  it.effect("the exit fails with the FdError that escapes; anything else that is thrown is a defect", () => {
    const { answer, layer } = answeringLater()
    return Effect.gen(function* () {
      const escaping = yield* starting(function* () {
        yield Protocol.request(3)
      })
      yield* answer(Exit.fail(closing))
      assert.deepStrictEqual(escaping.exits, [Exit.fail(closing)])
      const catching = yield* starting(function* () {
        try {
          yield Protocol.request(3)
        } catch (error) {
          return error
        }
        return undefined
      })
      yield* answer(Exit.fail(closing))
      assert.deepStrictEqual(catching.exits, [Exit.succeed(closing)])
      const bug = new Error("bug")
      const throwing = yield* starting(function* () {
        yield Protocol.request(3)
        throw bug
      })
      yield* answer()
      assert.strictEqual(defectOf(throwing.exits[0]), bug)
    }).pipe(Effect.provide(layer))
  })

  it.effect("belongs to no fiber: it goes on when the one that started it has ended", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* FdIo.makePipe
      const over = yield* Deferred.make<boolean>()
      const handler = yield* WaitFd
      const context = yield* Effect.context()
      const fiber = yield* Effect.forkChild(
        Effect.sync(() =>
          Protocol.start(
            function* () {
              const { readable } = yield Protocol.request(reader)
              return readable
            },
            handler,
            context,
            (exit) => Deferred.doneUnsafe(over, exit.pipe(Exit.mapError(() => assert.fail("it is ready"))))
          )
        )
      )
      yield* Fiber.join(fiber)
      assert.strictEqual((yield* WaitFd.statistics).readers, 1)
      yield* FdIo.write(writer, new Uint8Array(1))
      assert.isTrue(yield* Deferred.await(over))
      yield* FdIo.close(reader)
      yield* FdIo.close(writer)
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("the handler sees the context that it was started with", () => {
    class Name extends Context.Service<Name, string>()("test/Name") {}
    const seen: Array<unknown> = []
    const handler = WaitFd.fromClause((_, resume, context) => {
      seen.push(Context.getOrUndefined(context, Name))
      resume(Exit.succeed(ready))
      return Handler.nothingToWithdraw
    })
    return Effect.sync(() => {
      const protocol = function* () {
        yield Protocol.request(3)
        yield Protocol.request(3)
      }
      Protocol.start(protocol, handler, Context.make(Name, "starter"), () => {})
      assert.deepStrictEqual(seen, ["starter", "starter"])
    })
  })

  it.effect(
    "stopping withdraws the wait and runs finally, waiting for what it waits for; it is an interruption",
    () => {
      const { answer, layer, pending, withdrawn } = answeringLater()
      return Effect.gen(function* () {
        const order: Array<string> = []
        const { exits, stop } = yield* starting(function* () {
          try {
            yield Protocol.request(3)
            order.push("not reached")
            return "not given"
          } finally {
            order.push("finally")
            yield Protocol.request(4, "write")
            order.push("flushed")
          }
        })
        stop()
        assert.strictEqual(withdrawn(), 1)
        assert.deepStrictEqual(order, ["finally"])
        assert.deepStrictEqual(exits, [])
        assert.strictEqual(pending.shift()?.request.fd, 3)
        yield* answer()
        assert.deepStrictEqual(order, ["finally", "flushed"])
        assert.strictEqual(exits.length, 1)
        assert.isTrue(isInterruption(exits[0]))
        assert.deepStrictEqual(yield* WaitFd.statistics, { readers: 0, writers: 0, descriptors: 0 })
      }).pipe(Effect.provide(layer))
    }
  )

  it.effect("stopping a second time does not cut finally short", () => {
    const { answer, layer, pending, withdrawn } = answeringLater()
    return Effect.gen(function* () {
      const order: Array<string> = []
      const { exits, stop } = yield* starting(function* () {
        try {
          yield Protocol.request(3)
        } finally {
          yield Protocol.request(4)
          order.push("flushed")
        }
      })
      stop()
      stop()
      assert.strictEqual(withdrawn(), 1)
      pending.shift()
      yield* answer()
      stop()
      assert.deepStrictEqual(order, ["flushed"])
      assert.deepStrictEqual(exits.map(isInterruption), [true])
    }).pipe(Effect.provide(layer))
  })

  it.effect("what finally throws while it is stopped is a defect, and so is a wait in it that fails", () => {
    const { answer, layer, pending } = answeringLater()
    return Effect.gen(function* () {
      const bug = new Error("in finally")
      const throwing = yield* starting(function* () {
        try {
          yield Protocol.request(3)
        } finally {
          // oxlint-disable-next-line no-unsafe-finally
          throw bug
        }
      })
      throwing.stop()
      assert.strictEqual(defectOf(throwing.exits[0]), bug)
      pending.shift()
      const waiting = yield* starting(function* () {
        try {
          yield Protocol.request(3)
        } finally {
          yield Protocol.request(4)
        }
      })
      waiting.stop()
      pending.shift()
      yield* answer(Exit.fail(closing))
      assert.strictEqual(defectOf(waiting.exits[0]), closing)
    }).pipe(Effect.provide(layer))
  })

  it.effect("stopping is harmless when it is over", () => {
    const { answer, layer, withdrawn } = answeringLater()
    return Effect.gen(function* () {
      const { exits, stop } = yield* starting(function* () {
        yield Protocol.request(3)
        return "over"
      })
      yield* answer()
      stop()
      assert.deepStrictEqual(exits, [Exit.succeed("over")])
      assert.strictEqual(withdrawn(), 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("one that stops itself goes on to its next wait; when it ends before, the exit is its own", () => {
    const { answer, layer, pending } = answeringLater()
    return Effect.gen(function* () {
      const order: Array<string> = []
      const running = yield* starting(function* () {
        try {
          yield Protocol.request(3)
          running.stop()
          order.push("still running")
          yield Protocol.request(4)
          order.push("not reached")
        } finally {
          order.push("finally")
        }
      })
      yield* answer()
      assert.deepStrictEqual(order, ["still running", "finally"])
      assert.deepStrictEqual(running.exits.map(isInterruption), [true])
      assert.strictEqual(pending.length, 0)
      const ending: { readonly exits: ReadonlyArray<unknown>; readonly stop: () => void } = yield* starting(
        function* () {
          yield Protocol.request(3)
          ending.stop()
          return "its own"
        }
      )
      yield* answer()
      assert.deepStrictEqual(ending.exits, [Exit.succeed("its own")])
    }).pipe(Effect.provide(layer))
  })

  const others = Effect.gen(function* () {
    let over = false
    const { exits, stop } = yield* starting(function* () {
      let steps = 0
      while (!over) {
        yield Protocol.request(3)
        steps++
      }
      return steps
    })
    yield* Effect.yieldNow
    over = true
    while (exits.length === 0) yield* Effect.yieldNow
    const [exit] = exits
    assert.isTrue(exit !== undefined && Exit.isSuccess(exit) && exit.value >= 1000)

    const endless = yield* starting(function* () {
      for (;;) yield Protocol.request(3)
    })
    yield* Effect.yieldNow
    endless.stop()
    assert.deepStrictEqual(endless.exits.map(isInterruption), [true])
    yield* Effect.yieldNow
    assert.strictEqual(endless.exits.length, 1)
    stop()
  })

  it.effect(
    "one that is always answered within the call lets others have their turn, and can be stopped in theirs",
    () => Effect.provide(others, answering().layer)
  )

  it("and the same in a blocked thread", () => {
    Green.runSync(Effect.provide(others, answering().layer))
  })

  it.effect("20,000 steps that are answered within the call do not touch the stack", () => {
    const { layer } = answering()
    return Effect.gen(function* () {
      const { exits } = yield* starting(function* () {
        let steps = 0
        while (steps < 20_000) {
          yield Protocol.request(3)
          steps++
        }
        return steps
      })
      while (exits.length === 0) yield* Effect.yieldNow
      assert.deepStrictEqual(exits, [Exit.succeed(20_000)])
    }).pipe(Effect.provide(layer))
  })

  it("infers what the protocol gives, and takes the context of any fiber", () => {
    expectTypeOf(Protocol.start<string>)
      .parameter(3)
      .toEqualTypeOf<(exit: Exit.Exit<string, FdError>) => void>()
    expectTypeOf(Protocol.start<string>).returns.toEqualTypeOf<() => void>()
    expectTypeOf<Context.Context<WaitFd>>().toExtend<Parameters<typeof Protocol.start>[2]>()
  })
})
