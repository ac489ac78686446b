/** What a test can do to a virtual world, and what a program does in it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { AsyncLocalStorage } from "node:async_hooks"
import { type Fd, type FdError, FdIo, FdStream, Green, Wait, wait, WaitFd, waitFd, WouldBlock } from "green-core"
import { turnsOfTheLoop, VirtualFds } from "green-core/testing"

type World = Wait | WaitFd | FdIo | VirtualFds | Scope.Scope

const virtual =
  <A, E>(test: () => Effect.Effect<A, E, World>, layer = VirtualFds.layer) =>
  () =>
    Effect.provide(Effect.suspend(test), layer)

const small = VirtualFds.layerWith({ capacity: 4 })

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkScoped(effect, { startImmediately: true })

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

const read = (fd: number, size = 1000) =>
  Effect.gen(function* () {
    const into = new Uint8Array(size)
    const count = yield* FdIo.read(fd, into)
    return count === WouldBlock ? count : text(into.subarray(0, count))
  })

/** The name of what an effect fails with: the code of a system error, or the reason. */
const failure = <A, R>(effect: Effect.Effect<A, FdError, R>): Effect.Effect<string, A, R> =>
  Effect.map(Effect.flip(effect), ({ reason }) => ("code" in reason ? reason.code : reason._tag))

const nothing: Fd.Readiness = { readable: false, writable: false, hangup: false, error: false }
const nobody = { readers: 0, writers: 0, descriptors: 0 }

describe("a program over virtual descriptors", () => {
  /** Asks a server for a greeting in lines, by everything there is: `wait`, leases, time-outs, streams of bytes. */
  const greet = (fd: number) =>
    Effect.gen(function* () {
      const name = yield* wait(() => Promise.resolve("world"))
      const socket = yield* WaitFd.lease(fd)
      yield* FdStream.writeAll(socket, bytes(`HELLO ${name}\n`))
      const ready = yield* Effect.timeoutOption(socket.wait("read"), "1 second")
      if (ready._tag === "None") return "no answer"
      return yield* Stream.mkString(Stream.decodeText(FdStream.readLease(socket)))
    }).pipe(Effect.scoped)

  it.effect(
    "waits, writes, reads and closes, as its test says",
    virtual(() =>
      Effect.gen(function* () {
        const { fd, peer } = yield* VirtualFds.socket
        const greeting = yield* start(greet(fd))
        assert.strictEqual(yield* peer.receiveText, "HELLO world\n")
        assert.deepStrictEqual(yield* VirtualFds.waiting, [{ fd, interest: "read" }])
        yield* peer.send("HI")
        yield* VirtualFds.settled
        yield* peer.send(" THERE\n")
        yield* peer.end
        assert.strictEqual(yield* Fiber.join(greeting), "HI THERE\n")
        assert.strictEqual(yield* failure(FdIo.read(fd, new Uint8Array(1))), "BadDescriptor")
        assert.strictEqual((yield* peer.receive).length, 0)
      })
    )
  )

  it.effect(
    "times out on a test clock, and leaves nobody waiting",
    virtual(() =>
      Effect.gen(function* () {
        const { fd, peer } = yield* VirtualFds.socket
        const greeting = yield* start(greet(fd))
        yield* VirtualFds.at("1001 millis", peer.send("too late"))
        yield* VirtualFds.settled
        yield* TestClock.adjust("999 millis")
        assert.deepStrictEqual(yield* VirtualFds.waiting, [{ fd, interest: "read" }])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(yield* VirtualFds.waiting, [])
        assert.strictEqual(yield* Fiber.join(greeting), "no answer")
        assert.deepStrictEqual(yield* WaitFd.statistics, nobody)
      })
    )
  )

  it.live(
    "goes on the live clock too",
    virtual(() =>
      Effect.gen(function* () {
        const { fd, peer } = yield* VirtualFds.socket
        yield* VirtualFds.at(
          "10 millis",
          Effect.andThen(peer.receiveText, (request) => Effect.andThen(peer.send(`to ${request}`), peer.end))
        )
        assert.strictEqual(yield* greet(fd), "to HELLO world\n")
      })
    )
  )

  it.effect("waits for promises by the Wait that it finds outside", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const traced = Wait.around((request, next) => {
        asked.push(request._tag)
        return next()
      })
      const outside = traced.pipe(Layer.provide(Green.layer))
      const world = VirtualFds.layer.pipe(Layer.provide(outside))
      assert.strictEqual(yield* Effect.provide(wait(Promise.resolve(1)), world), 1)
      assert.deepStrictEqual(asked, ["Promise"])
    })
  )

  it.effect(
    "runs in the asynchronous context of each of its fibers",
    virtual(() =>
      Effect.gen(function* () {
        const storage = new AsyncLocalStorage<string>()
        const { fd, peer } = yield* VirtualFds.socket
        const context = yield* Effect.context<WaitFd>()
        const waiter = storage.run("waiter", () =>
          Effect.runForkWith(context)(
            Effect.andThen(
              waitFd(fd),
              Effect.sync(() => storage.getStore())
            )
          )
        )
        yield* peer.send("x")
        assert.strictEqual(yield* Fiber.join(waiter), "waiter")
      })
    )
  )
})

describe("VirtualFds.make and set", () => {
  it.effect(
    "make a descriptor that is ready for what it is told to be",
    virtual(() =>
      Effect.gen(function* () {
        const fd = yield* VirtualFds.make()
        const reader = yield* start(waitFd(fd, "read"))
        const writer = yield* start(waitFd(fd, "write"))
        yield* VirtualFds.settled
        yield* VirtualFds.set(fd, { readable: true })
        assert.deepStrictEqual(yield* Fiber.join(reader), { ...nothing, readable: true })
        assert.strictEqual(writer.pollUnsafe(), undefined)
        yield* VirtualFds.set(fd, { writable: true })
        assert.deepStrictEqual(yield* Fiber.join(writer), { ...nothing, writable: true })
        assert.deepStrictEqual(yield* waitFd(fd, "readwrite"), { ...nothing, readable: true, writable: true })
        yield* VirtualFds.set(fd, { readable: false, writable: false })
        assert.strictEqual(yield* failure(waitFd(fd, "readwrite")), "Deadlock")
      })
    )
  )

  it.effect(
    "wake whoever waits for anything, on a hang-up or an error",
    virtual(() =>
      Effect.gen(function* () {
        const gone = yield* VirtualFds.make({ hangup: true })
        assert.deepStrictEqual(yield* waitFd(gone, "write"), { ...nothing, writable: true, hangup: true })
        const broken = yield* VirtualFds.make()
        const reader = yield* start(waitFd(broken))
        yield* VirtualFds.set(broken, { error: true })
        assert.deepStrictEqual(yield* Fiber.join(reader), { ...nothing, readable: true, error: true })
      })
    )
  )

  it.effect(
    "know no bytes: reading and writing fail with EINVAL, and a descriptor that has bytes cannot be set",
    virtual(() =>
      Effect.gen(function* () {
        const fd = yield* VirtualFds.make({ readable: true })
        assert.strictEqual(yield* failure(read(fd)), "EINVAL")
        assert.strictEqual(yield* failure(FdIo.write(fd, bytes("x"))), "EINVAL")
        const { reader } = yield* FdIo.makePipe
        const error = yield* Effect.flip(VirtualFds.set(reader, { readable: true }))
        assert.include(error.message, "its readiness follows from its bytes")
        yield* FdIo.close(fd)
        assert.strictEqual(yield* failure(VirtualFds.set(fd, {})), "BadDescriptor")
      })
    )
  )
})

describe("VirtualFds.socket", () => {
  it.effect(
    "sends more than there is room for, as the program reads, and receives as it writes",
    virtual(
      () =>
        Effect.gen(function* () {
          const { fd, peer } = yield* VirtualFds.socket
          const sending = yield* start(peer.send("0123456789"))
          assert.strictEqual(yield* read(fd), "0123")
          assert.deepStrictEqual(yield* VirtualFds.waiting, [])
          yield* VirtualFds.settled
          assert.strictEqual(yield* read(fd, 2), "45")
          assert.deepStrictEqual(yield* VirtualFds.waiting, [{ fd: peer.fd, interest: "write" }])
          assert.strictEqual(yield* read(fd), "67")
          yield* Fiber.join(sending)
          assert.strictEqual(yield* read(fd), "89")
          assert.strictEqual(yield* FdIo.write(fd, bytes("abcdef")), 4)
          assert.strictEqual(yield* FdIo.write(fd, bytes("ef")), WouldBlock)
          assert.strictEqual(text(yield* peer.receive), "abcd")
        }),
      small
    )
  )

  it.effect(
    "receives text that arrives in the middle of a character, and nothing at the end",
    virtual(() =>
      Effect.gen(function* () {
        const { fd, peer } = yield* VirtualFds.socket
        const euro = bytes("€")
        yield* FdIo.write(fd, euro.subarray(0, 1))
        const receiving = yield* start(peer.receiveText)
        yield* VirtualFds.settled
        assert.strictEqual(receiving.pollUnsafe(), undefined)
        yield* FdIo.write(fd, euro.subarray(1))
        assert.strictEqual(yield* Fiber.join(receiving), "€")
        yield* FdIo.shutdown(fd)
        assert.strictEqual(yield* peer.receiveText, "")
      })
    )
  )

  it.effect(
    "ends one direction",
    virtual(() =>
      Effect.gen(function* () {
        const { fd, peer } = yield* VirtualFds.socket
        yield* peer.send("last")
        yield* peer.end
        assert.strictEqual(yield* read(fd), "last")
        assert.strictEqual(yield* read(fd), "")
        assert.strictEqual(yield* failure(peer.send("more")), "EPIPE")
        assert.strictEqual(yield* FdIo.write(fd, bytes("still")), 5)
        assert.strictEqual(yield* peer.receiveText, "still")
      })
    )
  )

  it.effect(
    "resets the connection: what was sent is read, then ECONNRESET once, then the end; a write fails with EPIPE",
    virtual(() =>
      Effect.gen(function* () {
        const { fd, peer } = yield* VirtualFds.socket
        yield* peer.send("last")
        const waiter = yield* start(waitFd(fd, "readwrite"))
        yield* peer.reset
        assert.deepStrictEqual(yield* waitFd(fd), { readable: true, writable: false, hangup: true, error: true })
        assert.strictEqual(yield* read(fd), "last")
        assert.strictEqual(yield* failure(read(fd)), "ECONNRESET")
        assert.strictEqual(yield* read(fd), "")
        assert.strictEqual(yield* failure(FdIo.write(fd, bytes("x"))), "EPIPE")
        assert.strictEqual((yield* Fiber.join(waiter)).readable, true)
        assert.strictEqual(yield* failure(peer.reset), "BadDescriptor")
      })
    )
  )
})

describe("VirtualFds.file", () => {
  it.effect(
    "is read and written from one position, and always ready",
    virtual(() =>
      Effect.gen(function* () {
        const fd = yield* VirtualFds.file("content")
        assert.strictEqual(yield* read(fd, 3), "con")
        assert.strictEqual(yield* FdIo.write(fd, bytes("TENTS!")), 6)
        assert.strictEqual(yield* read(fd), "")
        assert.deepStrictEqual(yield* waitFd(fd, "readwrite"), { ...nothing, readable: true, writable: true })
        assert.strictEqual(yield* FdIo.isNonBlocking(fd), true)
        assert.strictEqual(yield* failure(FdIo.shutdown(fd)), "ENOTSOCK")
      })
    )
  )
})

describe("VirtualFds.at", () => {
  it.effect(
    "performs at its time, and gives the fiber that tells of a failure",
    virtual(() =>
      Effect.gen(function* () {
        const { fd, peer } = yield* VirtualFds.socket
        const late = yield* VirtualFds.at("2 seconds", peer.send("late"))
        yield* VirtualFds.at("1 second", peer.send("early"))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* read(fd), "early")
        yield* FdIo.close(fd)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* failure(Fiber.join(late)), "EPIPE")
      })
    )
  )
})

describe("VirtualFds.waiting", () => {
  it.effect(
    "lists who waits for what, in the order in which they came, and nobody who was interrupted or woken",
    virtual(() =>
      Effect.gen(function* () {
        const [one, two] = [yield* FdIo.makePipe, yield* FdIo.makePipe]
        const first = yield* start(waitFd(two.reader))
        const second = yield* start(waitFd(one.reader, "readwrite"))
        const third = yield* start(waitFd(two.reader, "write"))
        assert.deepStrictEqual(yield* VirtualFds.waiting, [
          { fd: two.reader, interest: "read" },
          { fd: one.reader, interest: "readwrite" },
          { fd: two.reader, interest: "write" }
        ])
        second.interruptUnsafe()
        assert.deepStrictEqual(
          (yield* VirtualFds.waiting).map(({ interest }) => interest),
          ["read", "write"]
        )
        yield* FdIo.write(two.writer, bytes("x"))
        yield* Fiber.join(first)
        assert.deepStrictEqual(yield* VirtualFds.waiting, [{ fd: two.reader, interest: "write" }])
        yield* Fiber.interrupt(third)
        assert.deepStrictEqual(yield* VirtualFds.waiting, [])
        assert.deepStrictEqual(yield* WaitFd.statistics, nobody)
      })
    )
  )
})

describe("VirtualFds.settled", () => {
  it.effect(
    "lets every fiber get as far as it can, promises included, and does not wait for the clock",
    virtual(() =>
      Effect.gen(function* () {
        const { fd } = yield* VirtualFds.socket
        const steps: Array<string> = []
        const step = (name: string) => Effect.sync(() => steps.push(name))
        const program = Effect.gen(function* () {
          yield* Effect.yieldNow
          yield* step("yielded")
          yield* wait(async () => {
            for (let hop = 0; hop < 50; hop++) await Promise.resolve()
          })
          yield* step("promised")
          yield* waitFd(fd, "write")
          yield* step("written")
          yield* Effect.sleep("1 second")
          yield* step("slept")
        })
        yield* Effect.forkScoped(program)
        yield* VirtualFds.settled
        assert.deepStrictEqual(steps, ["yielded", "promised", "written"])
        yield* VirtualFds.settled
        assert.strictEqual(steps.length, 3)
      })
    )
  )
})

describe("descriptors", () => {
  it.effect(
    "have numbers that nobody else has, the lowest free one first",
    virtual(() =>
      Effect.gen(function* () {
        const one = yield* FdIo.makePipe
        const two = yield* FdIo.makePipe
        assert.deepStrictEqual(
          [one.reader, one.writer, two.reader, two.writer],
          [2_000_000_000, 2_000_000_001, 2_000_000_002, 2_000_000_003]
        )
        yield* FdIo.close(two.reader)
        yield* FdIo.close(one.writer)
        assert.deepStrictEqual(yield* FdIo.makeSocketPair, [one.writer, two.reader])
        assert.strictEqual(yield* VirtualFds.make(), 2_000_000_004)
      })
    )
  )

  it.effect(
    "that were closed are none: every operation fails with BadDescriptor",
    virtual(() =>
      Effect.gen(function* () {
        const { reader: fd } = yield* FdIo.makePipe
        yield* FdIo.close(fd)
        for (const operation of [
          FdIo.close(fd),
          FdIo.shutdown(fd),
          FdIo.isNonBlocking(fd),
          FdIo.setNonBlocking(fd, true),
          FdIo.write(fd, bytes("x")),
          Effect.scoped(WaitFd.lease(fd)),
          waitFd(fd)
        ]) {
          assert.strictEqual(yield* failure<unknown, FdIo | WaitFd>(operation), "BadDescriptor")
        }
      })
    )
  )

  it.effect(
    "that can block are refused by a lease, and fail with NotGreen where a real one would stop the thread",
    virtual(
      () =>
        Effect.gen(function* () {
          const { reader, writer } = yield* FdIo.makePipe
          for (const fd of [reader, writer]) yield* FdIo.setNonBlocking(fd, false)
          assert.strictEqual(yield* failure(Effect.scoped(WaitFd.lease(reader))), "NotGreen")
          assert.strictEqual(yield* failure(read(reader)), "NotGreen")
          assert.strictEqual(yield* FdIo.write(writer, bytes("x")), 1)
          assert.strictEqual(yield* read(reader), "x")
          assert.strictEqual(yield* failure(FdIo.write(writer, bytes("12345"))), "NotGreen")
          yield* WaitFd.lease(reader, { nonBlocking: "set", onRelease: "keep" }).pipe(
            Effect.andThen(FdIo.isNonBlocking(reader)),
            Effect.map((isNonBlocking) => assert.strictEqual(isNonBlocking, true)),
            Effect.scoped
          )
          assert.strictEqual(yield* FdIo.isNonBlocking(reader), false)
        }),
      small
    )
  )

  it.effect(
    "that are closed and reused do not wake who waited for the old one: it is told when somebody waits for the new one",
    virtual(() =>
      Effect.gen(function* () {
        const before = yield* FdIo.makePipe
        const old = yield* start(waitFd(before.reader))
        yield* FdIo.close(before.reader)
        const after = yield* FdIo.makePipe
        assert.strictEqual(after.reader, before.reader)
        yield* FdIo.write(after.writer, bytes("x"))
        yield* FdIo.close(before.writer)
        assert.deepStrictEqual(yield* VirtualFds.waiting, [{ fd: before.reader, interest: "read" }])
        assert.deepStrictEqual(yield* waitFd(after.reader), { ...nothing, readable: true })
        assert.strictEqual(yield* failure(Fiber.join(old)), "BadDescriptor")
      })
    )
  )

  it.effect(
    "that are announced to close fail their waiters with Closing",
    virtual(() =>
      Effect.gen(function* () {
        const { reader } = yield* FdIo.makePipe
        const waiters = [yield* start(waitFd(reader)), yield* start(waitFd(reader, "write"))]
        yield* WaitFd.notifyClosing(reader)
        for (const waiter of waiters) assert.strictEqual(yield* failure(Fiber.join(waiter)), "Closing")
        assert.deepStrictEqual(yield* VirtualFds.waiting, [])
      })
    )
  )

  it.effect(
    "of a small capacity count bytes: a pipe fills with a few, and any byte read makes room",
    virtual(
      () =>
        Effect.gen(function* () {
          const { reader, writer } = yield* FdIo.makePipe
          assert.strictEqual(yield* FdIo.write(writer, bytes("abc")), 3)
          assert.strictEqual((yield* waitFd(writer, "write")).writable, true)
          assert.strictEqual(yield* FdIo.write(writer, bytes("def")), 1)
          assert.strictEqual(yield* FdIo.write(writer, bytes("ef")), WouldBlock)
          const room = yield* start(waitFd(writer, "write"))
          yield* VirtualFds.settled
          assert.strictEqual(yield* read(reader, 1), "a")
          assert.strictEqual((yield* Fiber.join(room)).writable, true)
          assert.strictEqual(yield* FdIo.write(writer, bytes("ef")), 1)
          assert.strictEqual(yield* read(reader), "bcde")
        }),
      small
    )
  )

  it("of no capacity are refused", () => {
    for (const capacity of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => VirtualFds.layerWith({ capacity }), RangeError, String(capacity))
    }
  })
})

describe("the end of the world", () => {
  it.effect("fails whoever waits with Closing, closes the descriptors and interrupts the scripts", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Scope.provide(Layer.build(VirtualFds.layer), scope)
      const performed: Array<string> = []
      const [waiter, script, reader] = yield* Effect.gen(function* () {
        const { reader } = yield* FdIo.makePipe
        const waiter = yield* Effect.forkDetach(waitFd(reader), { startImmediately: true })
        const script = yield* VirtualFds.at(
          "1 second",
          Effect.sync(() => performed.push("script"))
        )
        return [waiter, script, reader] as const
      }).pipe(Effect.provide(context))
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* failure(Fiber.join(waiter)), "Closing")
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(script)))
      assert.strictEqual(yield* failure(Effect.provide(read(reader), context)), "BadDescriptor")
      assert.deepStrictEqual(yield* Effect.provide(VirtualFds.waiting, context), [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(performed, [])
    })
  )

  it("leaves nothing behind that keeps the process alive", async () => {
    const kept = () => process.getActiveResourcesInfo().filter((name) => name === "Immediate" || name === "Timeout")
    const before = kept()
    await Effect.runPromise(
      Effect.gen(function* () {
        const { fd, peer } = yield* VirtualFds.socket
        yield* Effect.forkDetach(Effect.ignore(waitFd(fd)))
        yield* VirtualFds.at("1 hour", peer.send("never"))
        yield* VirtualFds.settled
      }).pipe(Effect.provide(VirtualFds.layer))
    )
    await Effect.runPromise(turnsOfTheLoop)
    assert.deepStrictEqual(kept(), before)
  })
})

describe("many waiters", () => {
  const aMinute = 60_000

  it.effect(
    "100,000 of them hear of a deadlock",
    virtual(() =>
      Effect.gen(function* () {
        const count = 100_000
        const { reader } = yield* FdIo.makePipe
        const waiters: Array<Fiber.Fiber<Fd.Readiness, FdError>> = []
        for (let index = 0; index < count; index++) waiters.push(yield* start(waitFd(reader)))
        const exits = yield* Fiber.awaitAll(waiters)
        assert.isTrue(exits.every(Exit.isFailure))
        const error = yield* Effect.flip(Fiber.join(waiters[count - 1] ?? assert.fail()))
        assert(error.reason._tag === "Deadlock")
        assert.strictEqual(error.reason.waiters.length, count)
      })
    ),
    aMinute
  )

  it.effect(
    "20,000 that wake each other in turn do not touch the stack",
    virtual(() =>
      Effect.gen(function* () {
        const count = 20_000
        let deepest = 0
        const descriptors = yield* Effect.replicateEffect(VirtualFds.make(), count)
        for (const [index, fd] of descriptors.entries()) {
          const next = descriptors[index + 1]
          const wakeNext = Effect.suspend(() => {
            if (index % 1000 === 0) deepest = Math.max(deepest, stackDepth())
            return next === undefined ? Effect.void : VirtualFds.set(next, { readable: true })
          })
          yield* start(Effect.andThen(waitFd(fd), wakeNext))
        }
        yield* VirtualFds.set(descriptors[0] ?? assert.fail(), { readable: true })
        yield* waitFd(descriptors[count - 1] ?? assert.fail())
        assert.isBelow(deepest, 200)
      })
    ),
    aMinute
  )
})

const stackDepth = (): number => {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = Number.POSITIVE_INFINITY
  const depth = (new Error("depth").stack ?? "").split("\n").length
  Error.stackTraceLimit = stackTraceLimit
  return depth
}
