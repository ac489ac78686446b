/** Leases: what `WaitFd.lease` and `Lease` say of themselves, sentence by sentence. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Fd, FdIo, Green, type Lease, WaitFd, waitFd, WouldBlock } from "green-core"
import { systemFixtures, turnsOfTheLoop } from "green-core/testing"
import * as Fs from "node:fs"

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const reasonOf = <A, R>(effect: Effect.Effect<A, Fd.FdError, R>) =>
  Effect.map(Effect.flip(effect), (error) => `${error.operation} ${error.reason._tag}`)

/** A pipe whose ends are closed with the scope, unless they were closed before. */
const pipe = Effect.acquireRelease(FdIo.makePipe, ({ reader, writer }) =>
  Effect.andThen(Effect.ignore(FdIo.close(reader)), Effect.ignore(FdIo.close(writer)))
)

/** A pipe whose reader can block, as the standard streams of a process are. */
const blockingPipe = Effect.tap(pipe, ({ reader }) => FdIo.setNonBlocking(reader, false))

const isOpen = (fd: number) => Effect.isSuccess(FdIo.isNonBlocking(fd))

/** How many ends of pipes this process has open; what else it opens and closes meanwhile is not counted. */
const openPipes = Effect.sync(
  () =>
    Fs.readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return Fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith("pipe:")
      } catch {
        return false
      }
    }).length
)

const text = (string: string) => new TextEncoder().encode(string)

const readOnce = (lease: Lease, bytes: Uint8Array) => () => Fs.readSync(lease.fd, bytes)

/** Counts the waits that reach the handler. */
const countingWaits = () => {
  const counted = { waits: 0 }
  const layer = WaitFd.around((_request, next) => {
    counted.waits++
    return next()
  })
  return { counted, layer: layer.pipe(Layer.provideMerge(Green.layer)) }
}

describe("a lease has one holder at a time", () => {
  it.effect("a second one fails with Busy and leaves the first as it is; after the release there can be another", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* pipe
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(WaitFd.lease(reader, { onRelease: "keep" }), scope)
      assert.strictEqual(yield* reasonOf(Effect.scoped(WaitFd.lease(reader))), "lease Busy")
      assert.strictEqual(yield* reasonOf(Effect.scoped(WaitFd.lease({ fileno: () => reader }))), "lease Busy")
      yield* FdIo.write(writer, text("x"))
      assert.isTrue((yield* first.wait("read")).readable)
      yield* Scope.close(scope, Exit.void)
      const second = yield* WaitFd.lease(reader)
      assert.isTrue((yield* second.wait("read")).readable)
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("two ends are two descriptors", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* pipe
      const leases = [yield* WaitFd.lease(reader), yield* WaitFd.lease(writer)]
      assert.deepStrictEqual(
        leases.map((lease) => lease.fd),
        [reader, writer]
      )
    }).pipe(Effect.provide(Green.layer))
  )
})

describe("a descriptor that can block", () => {
  it.effect("is refused with NotGreen, and left as it was", () =>
    Effect.gen(function* () {
      const { reader } = yield* blockingPipe
      assert.strictEqual(yield* reasonOf(Effect.scoped(WaitFd.lease(reader))), "lease NotGreen")
      assert.strictEqual(
        yield* reasonOf(Effect.scoped(WaitFd.lease(reader, { nonBlocking: "refuse" }))),
        "lease NotGreen"
      )
      assert.isTrue(yield* isOpen(reader))
      assert.isFalse(yield* FdIo.isNonBlocking(reader))
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect('is made non-blocking by nonBlocking: "set", duplicates with it, and blocking again on release', () =>
    Effect.gen(function* () {
      const { reader } = yield* blockingPipe
      yield* Effect.scoped(
        Effect.gen(function* () {
          const lease = yield* WaitFd.lease(reader, { nonBlocking: "set", onRelease: "keep" })
          assert.isTrue(yield* FdIo.isNonBlocking(reader))
          assert.strictEqual(yield* FdIo.read(lease, new Uint8Array(1)), WouldBlock)
        })
      )
      assert.isFalse(yield* FdIo.isNonBlocking(reader))
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("that does not, stays so on release", () =>
    Effect.gen(function* () {
      const { reader } = yield* pipe
      yield* Effect.scoped(WaitFd.lease(reader, { nonBlocking: "set", onRelease: "keep" }))
      assert.isTrue(yield* FdIo.isNonBlocking(reader))
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("a file never does: it is leased as it is", () =>
    Effect.gen(function* () {
      for (const path of [process.execPath, "/dev/null"]) {
        const lease = yield* WaitFd.lease(Fs.openSync(path, "r"))
        assert.isTrue((yield* lease.wait("read")).readable)
      }
    }).pipe(Effect.provide(Green.layer))
  )
})

describe("when the scope ends", () => {
  it.effect("waiters are told, then the descriptor is closed", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const closes = FdIo.around((request, next) =>
        Effect.andThen(
          Effect.sync(() => request.operation === "close" && said.push("close")),
          next()
        )
      )
      yield* Effect.gen(function* () {
        const { reader } = yield* pipe
        const scope = yield* Scope.make()
        const lease = yield* Scope.provide(WaitFd.lease(reader), scope)
        const told = (name: string, effect: Effect.Effect<unknown, Fd.FdError, WaitFd>) =>
          start(Effect.map(reasonOf(effect), (reason) => said.push(`${name} ${reason}`)))
        const waiters = [
          yield* told("lease.wait", lease.wait("read")),
          yield* told("lease.io", lease.io("read", readOnce(lease, new Uint8Array(1)))),
          yield* told("waitFd", waitFd(reader))
        ]
        yield* Scope.close(scope, Exit.void)
        yield* Fiber.joinAll(waiters)
        assert.deepStrictEqual(said, [
          "lease.wait wait Closing",
          "lease.io wait Closing",
          "waitFd wait Closing",
          "close"
        ])
        assert.isFalse(yield* isOpen(reader))
      }).pipe(Effect.provide(closes.pipe(Layer.provideMerge(Green.layer))))
    })
  )

  it.effect('onRelease: "keep" leaves it open, for whoever it belongs to; waiters are told all the same', () =>
    Effect.gen(function* () {
      const { reader } = yield* pipe
      const scope = yield* Scope.make()
      yield* Scope.provide(WaitFd.lease(reader, { onRelease: "keep" }), scope)
      const waiter = yield* start(reasonOf(waitFd(reader)))
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* Fiber.join(waiter), "wait Closing")
      assert.isTrue(yield* isOpen(reader))
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("by success, failure, defect or interruption, no descriptor is left", () =>
    Effect.gen(function* () {
      const program = (end: Effect.Effect<void, string>) =>
        Effect.scoped(
          Effect.gen(function* () {
            const { reader, writer } = yield* FdIo.makePipe
            yield* WaitFd.lease(reader)
            const lease = yield* WaitFd.lease(writer)
            yield* lease.io("write", () => Fs.writeSync(writer, "x"))
            yield* end
          })
        )
      yield* program(Effect.void)
      const before = yield* openPipes
      for (const end of [Effect.void, Effect.fail("failure"), Effect.die("defect"), Effect.interrupt]) {
        for (let round = 0; round < 25; round++) yield* Effect.exit(program(end))
      }
      const waiting = yield* start(program(Effect.never))
      assert.strictEqual(yield* openPipes, before + 2)
      yield* Fiber.interrupt(waiting)
      assert.strictEqual(yield* openPipes, before)
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("a descriptor that somebody closed meanwhile is no failure", () =>
    Effect.gen(function* () {
      const { reader } = yield* pipe
      const exit = yield* Effect.exit(Effect.scoped(Effect.andThen(WaitFd.lease(reader), FdIo.close(reader))))
      assert.isTrue(Exit.isSuccess(exit))
    }).pipe(Effect.provide(Green.layer))
  )
})

describe("release", () => {
  it.effect("ends it before the scope does; after it every operation fails with Closing", () =>
    Effect.gen(function* () {
      const { reader } = yield* pipe
      const lease = yield* WaitFd.lease(reader)
      yield* lease.release
      assert.isFalse(yield* isOpen(reader))
      let tries = 0
      const tryOnce = () => ++tries
      for (const first of ["try", "wait"] as const) {
        assert.match(yield* reasonOf(lease.io("read", tryOnce, { first })), /^(read|wait) Closing$/)
        assert.match(yield* reasonOf(lease.io("write", tryOnce, { first })), /^(write|wait) Closing$/)
      }
      for (const interest of ["read", "write", "readwrite"] as const) {
        assert.strictEqual(yield* reasonOf(lease.wait(interest)), "wait Closing")
      }
      assert.strictEqual(tries, 0)
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("is safe to call again, and the end of the scope does not close a number that was reused", () =>
    Effect.gen(function* () {
      const end = yield* systemFixtures.endpoint
      const after = yield* Effect.scoped(
        Effect.gen(function* () {
          const lease = yield* WaitFd.lease(end.fd)
          yield* lease.release
          const { reader, writer } = yield* pipe
          yield* lease.release
          yield* lease.release
          assert.isTrue(yield* isOpen(reader))
          assert.isTrue(yield* isOpen(writer))
          return yield* FdIo.makePipe
        })
      )
      assert.isTrue(yield* isOpen(after.reader))
      assert.isTrue(yield* isOpen(after.writer))
      yield* FdIo.close(after.reader)
      yield* FdIo.close(after.writer)
    }).pipe(Effect.provide(Green.layer))
  )
})

describe("a lease is itself a descriptor", () => {
  it.effect("for waitFd and for FdIo", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* pipe
      const [input, output] = [yield* WaitFd.lease(reader), yield* WaitFd.lease(writer)]
      assert.strictEqual(input.fd, reader)
      assert.strictEqual(yield* FdIo.write(output, text("x")), 1)
      assert.isTrue((yield* waitFd(input)).readable)
      assert.strictEqual(yield* FdIo.read(input, new Uint8Array(8)), 1)
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("lease.wait waits as waitFd does, and can be interrupted", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* pipe
      const lease = yield* WaitFd.lease(reader)
      const interrupted = yield* start(lease.wait("read"))
      const waiter = yield* start(lease.wait("read"))
      yield* Fiber.interrupt(interrupted)
      assert.strictEqual((yield* WaitFd.statistics).readers, 1)
      yield* FdIo.write(writer, text("x"))
      assert.isTrue((yield* Fiber.join(waiter)).readable)
    }).pipe(Effect.provide(Green.layer))
  )
})

describe("lease.io", () => {
  it.effect("runs tryOnce until it no longer answers WouldBlock, waiting in between", () => {
    const { counted, layer } = countingWaits()
    return Effect.gen(function* () {
      const { reader, writer } = yield* pipe
      const lease = yield* WaitFd.lease(reader)
      let tries = 0
      const twoBytes = new Uint8Array(2)
      let filled = 0
      const fiber = yield* start(
        lease.io("read", () => {
          tries++
          filled += Fs.readSync(reader, twoBytes, { offset: filled })
          return filled === 2 ? "both" : WouldBlock
        })
      )
      assert.deepStrictEqual([tries, counted.waits], [1, 1])
      yield* FdIo.write(writer, text("a"))
      yield* turnsOfTheLoop
      assert.deepStrictEqual([tries, counted.waits], [2, 2])
      yield* FdIo.write(writer, text("b"))
      assert.strictEqual(yield* Fiber.join(fiber), "both")
      assert.deepStrictEqual([tries, counted.waits], [3, 2])
      assert.deepStrictEqual([...twoBytes], [...text("ab")])
    }).pipe(Effect.provide(layer))
  })

  it.effect("tries first by default, and waits for nothing when that succeeds", () => {
    const { counted, layer } = countingWaits()
    return Effect.gen(function* () {
      const { reader, writer } = yield* pipe
      const lease = yield* WaitFd.lease(reader)
      yield* FdIo.write(writer, text("abc"))
      assert.strictEqual(yield* lease.io("read", readOnce(lease, new Uint8Array(8))), 3)
      yield* FdIo.write(writer, text("d"))
      assert.strictEqual(yield* lease.io("read", readOnce(lease, new Uint8Array(8)), { first: "try" }), 1)
      assert.strictEqual(counted.waits, 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect('waits before the first try when told first: "wait"', () => {
    const { counted, layer } = countingWaits()
    return Effect.gen(function* () {
      const { reader, writer } = yield* pipe
      const lease = yield* WaitFd.lease(reader)
      let tries = 0
      const tryOnce = () => {
        tries++
        return Fs.readSync(reader, new Uint8Array(8))
      }
      const fiber = yield* start(lease.io("read", tryOnce, { first: "wait" }))
      yield* turnsOfTheLoop
      assert.deepStrictEqual([tries, counted.waits], [0, 1])
      yield* FdIo.write(writer, text("abc"))
      assert.strictEqual(yield* Fiber.join(fiber), 3)
      assert.deepStrictEqual([tries, counted.waits], [1, 1])
    }).pipe(Effect.provide(layer))
  })

  it.effect("counts an EAGAIN that is thrown as WouldBlock", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* pipe
      const lease = yield* WaitFd.lease(reader)
      const fiber = yield* start(lease.io("read", readOnce(lease, new Uint8Array(8))))
      assert.isUndefined(fiber.pollUnsafe())
      yield* FdIo.write(writer, text("x"))
      assert.strictEqual(yield* Fiber.join(fiber), 1)
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("fails with System for an error of the system, and with an FdError as it is", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* pipe
      const lease = yield* WaitFd.lease(writer)
      yield* FdIo.close(reader)
      const broken = yield* Effect.flip(lease.io("write", () => Fs.writeSync(writer, "lost")))
      assert.deepStrictEqual([broken.operation, broken.fd], ["write", writer])
      assert.deepStrictEqual(broken.reason, { _tag: "System", errno: 32, code: "EPIPE" })
      const own = Fd.busy(writer, "flush", "not now")
      const thrown = yield* Effect.flip(
        lease.io("write", () => {
          throw own
        })
      )
      assert.strictEqual(thrown, own)
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("dies of anything else that tryOnce throws", () =>
    Effect.gen(function* () {
      const { writer } = yield* pipe
      const lease = yield* WaitFd.lease(writer)
      for (const thrown of [new TypeError("a mistake"), "text", { code: "ODD", errno: "none" }]) {
        const exit = yield* Effect.exit(
          lease.io("write", () => {
            throw thrown
          })
        )
        assert.deepStrictEqual(exit, Exit.die(thrown))
      }
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("can be interrupted while it waits: nobody is left waiting, and the lease stays", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* pipe
      const lease = yield* WaitFd.lease(reader)
      let tries = 0
      const fiber = yield* start(
        lease.io("read", () => {
          tries++
          return Fs.readSync(reader, new Uint8Array(8))
        })
      )
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* WaitFd.statistics).readers, 0)
      yield* FdIo.write(writer, text("abc"))
      yield* turnsOfTheLoop
      assert.strictEqual(tries, 1)
      assert.strictEqual(yield* lease.io("read", readOnce(lease, new Uint8Array(8))), 3)
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("carries bytes both ways at once, in order, through full buffers", () =>
    Effect.gen(function* () {
      const [one, two] = yield* FdIo.makeSocketPair
      const ends = [yield* WaitFd.lease(one), yield* WaitFd.lease(two)] as const
      const bytes = new Uint8Array(2 * 1024 * 1024)
      for (let index = 0; index < bytes.length; index++) bytes[index] = index % 251
      const send = Effect.fnUntraced(function* (lease: Lease) {
        for (let sent = 0; sent < bytes.length;) {
          sent += yield* lease.io("write", () => Fs.writeSync(lease.fd, bytes, sent))
        }
      })
      const receive = Effect.fnUntraced(function* (lease: Lease) {
        const received = new Uint8Array(bytes.length)
        for (let count = 0; count < bytes.length;) {
          count += yield* lease.io("read", () => Fs.readSync(lease.fd, received, { offset: count }), { first: "wait" })
        }
        return Buffer.compare(received, bytes) === 0 ? "the same" : "changed"
      })
      const answers = yield* Effect.all([send(ends[0]), receive(ends[1]), send(ends[1]), receive(ends[0])], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(answers, [undefined, "the same", undefined, "the same"])
    }).pipe(Effect.provide(Green.layer))
  )
})
