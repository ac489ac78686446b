/** What a blocked thread cannot wait for, how a run ends then, and what it leaves behind: nothing. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import { FdIo, Green, type Handler, wait, WaitError, WaitFd, waitFd } from "green-core"
import { openDescriptors } from "../support/descriptors.ts"

const turnOfTheLoop = () => new Promise<void>((resolve) => setImmediate(resolve))

const refused = (what: "promise" | "callback", exit: Exit.Exit<unknown, unknown>) => {
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(error, WaitError)
  assert.deepEqual(error.reason, { _tag: "CannotBlockOn", what })
}

const defectOf = (exit: Exit.Exit<unknown, unknown>): Error => {
  assert.isTrue(Exit.hasDies(exit))
  const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(defect, Error)
  return defect
}

describe("wait", () => {
  it("gives what a function returns, and fails Rejected when it throws", () => {
    assert.equal(Green.runSync(wait(() => 42)), 42)
    const cause = new Error("thrown")
    const error = Green.runSync(
      Effect.flip(
        wait(() => {
          throw cause
        })
      )
    )
    assert.deepEqual(error.reason, { _tag: "Rejected", cause })
  })

  it("refuses a promise, whose rejection is not reported as unhandled", async () => {
    const unhandled: Array<unknown> = []
    const listener = (cause: unknown) => unhandled.push(cause)
    process.on("unhandledRejection", listener)
    const rejection = async () => Promise.reject(new Error("nobody waits for it"))
    refused("promise", Green.runSyncExit(wait(rejection())))
    refused("promise", Green.runSyncExit(wait(rejection)))
    refused("promise", Green.runSyncExit(wait(Promise.resolve(1))))
    await turnOfTheLoop()
    process.off("unhandledRejection", listener)
    assert.deepEqual(unhandled, [])
  })

  it("tells a function whose promise it refuses to stop", () => {
    let signal: AbortSignal | undefined
    const work = (given: AbortSignal) => {
      signal = given
      return new Promise<void>(() => {})
    }
    refused("promise", Green.runSyncExit(wait(work)))
    assert.isTrue(signal?.aborted)
  })

  it("refuses a thenable without starting it", () => {
    let started = false
    const query: PromiseLike<number> = {
      // oxlint-disable-next-line unicorn/no-thenable -- a query that runs when it is awaited, as many libraries have
      then: () => {
        started = true
        return new Promise(() => {})
      }
    }
    refused("promise", Green.runSyncExit(wait(query)))
    assert.isFalse(started)
  })

  it("takes a callback that another fiber of the program calls", () => {
    const value = Green.runSync(
      Effect.gen(function* () {
        let resume: Handler.Resume<string> | undefined
        const waiter = yield* Effect.forkChild(
          wait.callback<string>((given) => {
            resume = given
          })
        )
        yield* Effect.sleep("5 millis")
        resume?.(Exit.succeed("called"))
        return yield* Fiber.join(waiter)
      })
    )
    assert.equal(value, "called")
  })

  it("refuses a callback when nothing is left that could call it, and takes it back; later calls are ignored", () => {
    let resume: Handler.Resume<string> | undefined
    let withdrawn = 0
    const exit = Green.runSyncExit(
      wait.callback<string>((given) => {
        resume = given
        return () => withdrawn++
      })
    )
    refused("callback", exit)
    assert.equal(withdrawn, 1)
    resume?.(Exit.succeed("too late"))
    assert.equal(withdrawn, 1)
  })

  it("goes on with the other callbacks when one that was refused calls them", () => {
    const results = Green.runSync(
      Effect.gen(function* () {
        let resume: Handler.Resume<string> | undefined
        const refusedOne = Effect.catch(
          wait.callback<string>(() => {}),
          () =>
            Effect.sync(() => {
              resume?.(Exit.succeed("called"))
              return "refused"
            })
        )
        const calledOne = wait.callback<string>((given) => {
          resume = given
        })
        return yield* Effect.all([refusedOne, calledOne], { concurrency: 2 })
      })
    )
    assert.deepEqual(results, ["refused", "called"])
  })
})

describe("a program that waits for what only comes from outside", () => {
  const outside: Record<string, Effect.Effect<unknown>> = {
    "a promise": Effect.promise(() => Promise.resolve(1)),
    "a timer": Effect.callback<void>((resume) => {
      const timer = setTimeout(() => resume(Effect.void), 1)
      return Effect.sync(() => clearTimeout(timer))
    }),
    "a Deferred that nobody completes": Effect.flatMap(Deferred.make<number>(), Deferred.await),
    "a Queue that nobody fills": Effect.flatMap(Queue.unbounded<number>(), Queue.take),
    "Effect.never": Effect.never,
    "an endless sleep": Effect.sleep(Number.POSITIVE_INFINITY)
  }

  for (const [name, effect] of Object.entries(outside)) {
    it(`ends as a defect that says what to do: ${name}`, () => {
      const { message } = defectOf(Green.runSyncExit(effect))
      assert.include(message, "Green.runSync: the program waits for something that can only come from outside")
      assert.include(message, "Green.layer")
      assert.throws(() => Green.runSync(effect), message)
    })
  }

  it("is interrupted first: its finalizers run, also those that sleep, and those of the fibers it waits for", () => {
    const lines: Array<string> = []
    const guarded = (name: string, effect: Effect.Effect<unknown>) =>
      Effect.onInterrupt(effect, () =>
        Effect.andThen(
          Effect.sleep("2 millis"),
          Effect.sync(() => lines.push(name))
        )
      )
    const child = guarded(
      "child",
      Effect.promise(() => Promise.resolve())
    )
    const exit = Green.runSyncExit(guarded("root", Effect.flatMap(Effect.forkChild(child), Fiber.join)))
    defectOf(exit)
    assert.sameMembers(lines, ["root", "child"])
  })

  it("is told so while something could still go on: not before the last sleeper has slept", () => {
    const start = performance.now()
    const exit = Green.runSyncExit(Effect.andThen(Effect.forkChild(Effect.sleep("20 millis")), Effect.never))
    defectOf(exit)
    assert.isAtLeast(performance.now() - start, 20)
  })

  it("gets the defect also when it cannot be interrupted, or goes on after the interruption", () => {
    const stubborn = Effect.uninterruptible(Effect.never)
    const goesOn = Effect.uninterruptibleMask((restore) => Effect.as(Effect.exit(restore(Effect.never)), "went on"))
    for (const program of [stubborn, goesOn]) {
      assert.include(defectOf(Green.runSyncExit(program)).message, "only come from outside")
    }
  })
})

describe("what cannot be interrupted", () => {
  it("is left waiting, and goes on on the event loop when what it waits for comes", async () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const done = Promise.withResolvers<string>()
    const program = Effect.gen(function* () {
      const value = yield* Effect.promise(() => promise)
      yield* Effect.sleep("1 millis")
      yield* Effect.yieldNow
      done.resolve(value)
    })
    defectOf(Green.runSyncExit(Effect.uninterruptible(program)))
    resolve("came")
    assert.equal(await done.promise, "came")
  })
})

describe("the result", () => {
  it("is thrown by runSync as it is, and given by runSyncExit with its cause", () => {
    const error = new Error("typed")
    assert.throws(() => Green.runSync(Effect.fail(error)), error)
    assert.throws(() => Green.runSync(Effect.die(error)), error)
    assert.deepEqual(Green.runSyncExit(Effect.fail(error)), Exit.fail(error))
    assert.deepEqual(Green.runSyncExit(Effect.die(error)), Exit.die(error))
    assert.deepEqual(Green.runSyncExit(Effect.succeed(1)), Exit.succeed(1))
    assert.isTrue(Exit.hasInterrupts(Green.runSyncExit(Effect.interrupt)))
  })

  it("is a defect when an observer of a fiber throws, and the finalizers run", () => {
    const thrown = new Error("thrown by an observer")
    let released = 0
    const program = Effect.gen(function* () {
      yield* Effect.addFinalizer(() =>
        Effect.andThen(
          Effect.sleep("1 millis"),
          Effect.sync(() => released++)
        )
      )
      const fiber = yield* Effect.forkChild(Effect.sleep("1 millis"))
      fiber.addObserver(() => {
        throw thrown
      })
      yield* Effect.sleep("15 seconds")
    })
    assert.strictEqual(defectOf(Green.runSyncExit(Effect.scoped(program))), thrown)
    assert.equal(released, 1)
  })
})

describe("at its end", () => {
  const waiting = Effect.gen(function* () {
    const [one, other] = yield* FdIo.makeSocketPair
    const end = yield* WaitFd.lease(one)
    const peer = yield* WaitFd.lease(other)
    const waiter = yield* Effect.forkChild(end.wait("read"), { startImmediately: true })
    return { end, peer, waiter }
  })

  const endings = {
    succeeds: Effect.gen(function* () {
      const { peer, waiter } = yield* waiting
      yield* FdIo.write(peer, Uint8Array.of(1))
      yield* Fiber.join(waiter)
    }),
    "fails while others wait": Effect.andThen(waiting, Effect.fail("error")),
    "dies while others wait": Effect.andThen(waiting, Effect.die("defect")),
    "waits for something outside": Effect.andThen(Effect.timeoutOption(waiting, "1 second"), Effect.never),
    "leaves waiters behind": Effect.flatMap(waiting, ({ end }) => Effect.forkDetach(end.wait("read"))),
    "has an observer that throws when a descriptor is ready": Effect.gen(function* () {
      const { end, peer, waiter } = yield* waiting
      waiter.addObserver(() => {
        throw new Error("thrown by an observer")
      })
      yield* FdIo.write(peer, Uint8Array.of(1))
      yield* Effect.forkChild(end.wait("read"), { startImmediately: true })
      yield* Effect.sleep("15 seconds")
    })
  }

  for (const [name, program] of Object.entries(endings)) {
    it(`no descriptor is left open by a run that ${name}`, () => {
      Green.runSyncExit(Effect.scoped(program))
      const before = openDescriptors()
      for (let times = 0; times < 3; times++) Green.runSyncExit(Effect.scoped(program))
      assert.deepEqual(openDescriptors(), before)
    })
  }

  it("what the program made goes on on the event loop", async () => {
    const queue = Green.runSync(Queue.bounded<number>(1))
    const consumer = Effect.runFork(Effect.all([Queue.take(queue), Queue.take(queue)]))
    Effect.runFork(Queue.offerAll(queue, [1, 2]))
    assert.deepEqual(await Effect.runPromise(Fiber.join(consumer)), [1, 2])
  })

  it("its context is of use on the event loop for everything but waiting for descriptors", async () => {
    const context = Green.runSync(Effect.context<WaitFd | FdIo>())
    const program = Effect.gen(function* () {
      const { reader, writer } = yield* FdIo.makePipe
      const forked = yield* Effect.forkChild(Effect.as(Effect.sleep("1 millis"), "slept"))
      const slept = yield* Fiber.join(forked)
      const error = yield* Effect.flip(waitFd(reader))
      yield* FdIo.close(reader)
      yield* FdIo.close(writer)
      return [slept, error.reason._tag, error.message]
    })
    const [slept, reason, message] = await Effect.runPromiseWith(context)(program)
    assert.deepEqual([slept, reason], ["slept", "Unsupported"])
    assert.include(message, "has ended")
  })
})
