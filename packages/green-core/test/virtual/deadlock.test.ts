/** The verdict on programs in which nothing can go on: when it falls, when it is put off, and what it does not see. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { MixedScheduler, Scheduler } from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { type Fd, FdError, FdIo, Green, Wait, wait, WaitFd, waitFd } from "green-core"
import { turnsOfTheLoop, VirtualFds } from "green-core/testing"

const virtual =
  <A, E>(test: () => Effect.Effect<A, E, Wait | WaitFd | FdIo | VirtualFds | Scope.Scope>) =>
  () =>
    Effect.provide(Effect.suspend(test), VirtualFds.layer)

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkScoped(effect, { startImmediately: true })

const byte = Uint8Array.of(1)

/** Waits until one descriptor is readable, then writes a byte to another. */
const relay = (from: number, to: number) => Effect.andThen(waitFd(from), FdIo.write(to, byte))

/** Fails unless the effect fails with a deadlock: of whom. */
const deadlocked = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<ReadonlyArray<Fd.Waiting>, A, R> =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.instanceOf(error, FdError)
    assert.strictEqual(error.operation, "wait")
    assert(error.reason._tag === "Deadlock", error.message)
    return error.reason.waiters
  })

/** It still waits after more turns of the loop than a verdict takes. */
const staysWaiting = (fiber: Fiber.Fiber<unknown, unknown>) =>
  Effect.map(turnsOfTheLoop, () => assert.strictEqual(fiber.pollUnsafe(), undefined))

const isReadable: Fd.Readiness = { readable: true, writable: false, hangup: false, error: false }

describe("a deadlock is judged", () => {
  it.effect(
    "when the only fiber waits for what nobody can write",
    virtual(() =>
      Effect.gen(function* () {
        const { reader } = yield* FdIo.makePipe
        const error = yield* Effect.flip(waitFd(reader))
        assert.strictEqual(error.fd, reader)
        assert.strictEqual(
          error.message,
          `wait on descriptor ${reader}: deadlock: nothing can wake descriptor ${reader} (read)`
        )
      })
    )
  )

  it.effect(
    "when two fibers wait for each other, and names both, in the order in which they came",
    virtual(() =>
      Effect.gen(function* () {
        const [one, two] = [yield* FdIo.makePipe, yield* FdIo.makePipe]
        const second = yield* start(relay(two.reader, one.writer))
        const first = yield* start(relay(one.reader, two.writer))
        const waiters: ReadonlyArray<Fd.Waiting> = [
          { fd: two.reader, interest: "read" },
          { fd: one.reader, interest: "read" }
        ]
        assert.deepStrictEqual(yield* deadlocked(Fiber.join(first)), waiters)
        assert.deepStrictEqual(yield* deadlocked(Fiber.join(second)), waiters)
      })
    )
  )

  it.effect(
    "when a Deferred is in the chain",
    virtual(() =>
      Effect.gen(function* () {
        const pipe = yield* FdIo.makePipe
        const done = yield* Deferred.make<void, FdError>()
        yield* start(Deferred.into(Effect.asVoid(waitFd(pipe.reader)), done))
        const writer = Effect.andThen(Deferred.await(done), FdIo.write(pipe.writer, byte))
        assert.deepStrictEqual(yield* deadlocked(writer), [{ fd: pipe.reader, interest: "read" }])
      })
    )
  )

  it.effect(
    "when somebody else sleeps for ever",
    virtual(() =>
      Effect.gen(function* () {
        const { reader } = yield* FdIo.makePipe
        yield* start(Effect.sleep("Infinity"))
        yield* deadlocked(waitFd(reader))
      })
    )
  )

  it.effect(
    "when the descriptor was closed and nobody was told",
    virtual(() =>
      Effect.gen(function* () {
        const { reader } = yield* FdIo.makePipe
        const waiter = yield* start(waitFd(reader))
        yield* FdIo.close(reader)
        yield* deadlocked(Fiber.join(waiter))
      })
    )
  )

  it.effect(
    "when a test receives what the program never sends",
    virtual(() =>
      Effect.gen(function* () {
        const { fd, peer } = yield* VirtualFds.socket
        yield* start(waitFd(fd))
        assert.deepStrictEqual(yield* deadlocked(peer.receive), [
          { fd, interest: "read" },
          { fd: peer.fd, interest: "read" }
        ])
      })
    )
  )

  it.effect(
    "again and again: whoever was told can write, wait and be told once more",
    virtual(() =>
      Effect.gen(function* () {
        const pipe = yield* FdIo.makePipe
        const other = yield* start(Effect.ignore(waitFd(pipe.reader)))
        yield* deadlocked(waitFd(pipe.reader))
        yield* Fiber.join(other)
        yield* FdIo.write(pipe.writer, byte)
        assert.deepStrictEqual(yield* waitFd(pipe.reader), isReadable)
        yield* FdIo.read(pipe.reader, byte.slice())
        yield* deadlocked(waitFd(pipe.reader))
      })
    )
  )
})

describe("in a thread that is blocked", () => {
  it("the verdict falls too, and is put off by sleepers and callbacks", () => {
    const program = Effect.gen(function* () {
      const pipe = yield* FdIo.makePipe
      yield* deadlocked(waitFd(pipe.reader))
      yield* start(Effect.delay(FdIo.write(pipe.writer, byte), "5 millis"))
      assert.deepStrictEqual(yield* waitFd(pipe.reader), isReadable)
      yield* FdIo.read(pipe.reader, byte.slice())
      const callback = yield* start(wait.callback<void>(() => {}))
      yield* deadlocked(waitFd(pipe.reader))
      assert.strictEqual((yield* Effect.flip(Fiber.join(callback))).reason._tag, "CannotBlockOn")
    })
    Green.runSync(program.pipe(Effect.scoped, Effect.provide(VirtualFds.layer)))
  })
})

describe("the verdict is put off", () => {
  it.effect(
    "while a fiber can run",
    virtual(() =>
      Effect.gen(function* () {
        const pipe = yield* FdIo.makePipe
        const waiter = yield* start(waitFd(pipe.reader))
        yield* Effect.replicateEffect(Effect.yieldNow, 100, { discard: true })
        assert.strictEqual(waiter.pollUnsafe(), undefined)
        yield* FdIo.write(pipe.writer, byte)
        assert.deepStrictEqual(yield* Fiber.join(waiter), isReadable)
      })
    )
  )

  it.live("while a fiber can run, however long the scheduler outside lets it wait", () =>
    Effect.gen(function* () {
      const pipe = yield* FdIo.makePipe
      yield* start(Effect.andThen(Effect.yieldNow, FdIo.write(pipe.writer, byte)))
      assert.deepStrictEqual(yield* waitFd(pipe.reader), isReadable)
    }).pipe(
      Effect.provide(VirtualFds.layer),
      Effect.provideService(
        Scheduler,
        new MixedScheduler("async", (task) => {
          const timer = setTimeout(task, 10)
          return () => clearTimeout(timer)
        })
      )
    )
  )

  it.effect(
    "for two turns of the loop, in which what is not seen may still come",
    virtual(() =>
      Effect.gen(function* () {
        const pipe = yield* FdIo.makePipe
        const waiter = yield* start(waitFd(pipe.reader))
        const turn = Effect.callback<void>((resume) => {
          setImmediate(() => resume(Effect.void))
        })
        yield* start(Effect.andThen(turn, FdIo.write(pipe.writer, byte)))
        assert.deepStrictEqual(yield* Fiber.join(waiter), isReadable)
      })
    )
  )

  it.effect(
    "while a wait for a promise is not settled, and falls when it has settled in vain",
    virtual(() =>
      Effect.gen(function* () {
        const [one, two] = [yield* FdIo.makePipe, yield* FdIo.makePipe]
        const promise = Promise.withResolvers<void>()
        yield* start(Effect.andThen(wait(promise.promise), FdIo.write(one.writer, byte)))
        const [woken, stuck] = [yield* start(waitFd(one.reader)), yield* start(waitFd(two.reader))]
        yield* staysWaiting(stuck)
        promise.resolve()
        assert.deepStrictEqual(yield* Fiber.join(woken), isReadable)
        assert.deepStrictEqual(yield* deadlocked(Fiber.join(stuck)), [{ fd: two.reader, interest: "read" }])
      })
    )
  )

  it.effect(
    "while a wait for a callback is not settled, also one that no fiber asked for, and not once it was interrupted",
    virtual(() =>
      Effect.gen(function* () {
        const { reader } = yield* FdIo.makePipe
        const waiter = yield* start(waitFd(reader))
        const callback = yield* start(wait.callback(() => {}))
        yield* staysWaiting(waiter)
        const withdraw = (yield* Wait).register(
          { _tag: "Callback", register: () => {} },
          () => {},
          yield* Effect.context()
        )
        yield* Fiber.interrupt(callback)
        yield* staysWaiting(waiter)
        withdraw()
        yield* deadlocked(Fiber.join(waiter))
      })
    )
  )

  it.live(
    "while a fiber sleeps",
    virtual(() =>
      Effect.gen(function* () {
        const pipe = yield* FdIo.makePipe
        yield* start(Effect.delay(FdIo.write(pipe.writer, byte), "20 millis"))
        assert.deepStrictEqual(yield* waitFd(pipe.reader), isReadable)
      })
    )
  )

  it.live(
    "by a time-out, which is then what ends the wait",
    virtual(() =>
      Effect.gen(function* () {
        const { reader } = yield* FdIo.makePipe
        const error = yield* Effect.flip(Effect.timeout(waitFd(reader), "20 millis"))
        assert.strictEqual(error._tag, "TimeoutError")
        yield* deadlocked(waitFd(reader))
      })
    )
  )

  it.effect(
    "while a fiber sleeps on a test clock that nobody has adjusted yet, and falls when it was adjusted in vain",
    virtual(() =>
      Effect.gen(function* () {
        const { reader } = yield* FdIo.makePipe
        const sleeper = yield* start(Effect.sleep("1 hour"))
        const waiter = yield* start(waitFd(reader))
        yield* staysWaiting(waiter)
        yield* TestClock.adjust("59 minutes")
        yield* staysWaiting(waiter)
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(sleeper)
        yield* deadlocked(Fiber.join(waiter))
      })
    )
  )

  it.effect(
    "while a test clock is being adjusted, until the test has gone on",
    virtual(() =>
      Effect.gen(function* () {
        const pipe = yield* FdIo.makePipe
        const program = yield* start(
          Effect.andThen(
            Effect.andThen(Effect.sleep("1 second"), Effect.replicateEffect(Effect.yieldNow, 20, { discard: true })),
            waitFd(pipe.reader)
          )
        )
        yield* TestClock.adjust("1 second")
        yield* FdIo.write(pipe.writer, byte)
        assert.deepStrictEqual(yield* Fiber.join(program), isReadable)
      })
    )
  )

  it.effect(
    "while a fiber sleeps on the live clock behind a test clock",
    virtual(() =>
      Effect.gen(function* () {
        const pipe = yield* FdIo.makePipe
        yield* start(Effect.andThen(TestClock.withLive(Effect.sleep("20 millis")), FdIo.write(pipe.writer, byte)))
        assert.deepStrictEqual(yield* waitFd(pipe.reader), isReadable)
      })
    )
  )

  it.effect(
    "while a script has not been performed",
    virtual(() =>
      Effect.gen(function* () {
        const { fd, peer } = yield* VirtualFds.socket
        const waiter = yield* start(waitFd(fd))
        yield* VirtualFds.at("1 second", peer.send("late"))
        yield* staysWaiting(waiter)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* Fiber.join(waiter), isReadable)
      })
    )
  )

  it.effect(
    "while a test lets the program settle",
    virtual(() =>
      Effect.gen(function* () {
        const { reader } = yield* FdIo.makePipe
        const waiter = yield* start(waitFd(reader))
        yield* VirtualFds.settled
        assert.strictEqual(waiter.pollUnsafe(), undefined)
        yield* deadlocked(Fiber.join(waiter))
      })
    )
  )
})

describe("a deadlock is not judged", () => {
  it.effect(
    "when nobody waits for a virtual descriptor",
    virtual(() =>
      Effect.gen(function* () {
        yield* FdIo.makePipe
        const other = yield* start(Effect.never)
        yield* staysWaiting(other)
      })
    )
  )

  it.effect(
    "of somebody who was interrupted",
    virtual(() =>
      Effect.gen(function* () {
        const { reader } = yield* FdIo.makePipe
        const waiter = yield* start(Effect.flip(waitFd(reader)))
        yield* Fiber.interrupt(waiter)
        yield* turnsOfTheLoop
        assert.deepStrictEqual(yield* VirtualFds.waiting, [])
        assert.deepStrictEqual(yield* WaitFd.statistics, { readers: 0, writers: 0, descriptors: 0 })
      })
    )
  )

  it.effect(
    "rightly when the hope is a promise that Effect.promise waits for: it is not seen",
    virtual(() =>
      Effect.gen(function* () {
        const pipe = yield* FdIo.makePipe
        const promise = Promise.withResolvers<void>()
        yield* start(
          Effect.andThen(
            Effect.promise(() => promise.promise),
            FdIo.write(pipe.writer, byte)
          )
        )
        yield* deadlocked(waitFd(pipe.reader))
        promise.resolve()
        assert.deepStrictEqual(yield* waitFd(pipe.reader), isReadable)
      })
    )
  )
})
