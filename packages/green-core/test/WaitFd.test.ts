/** How handlers of `waitFd` are built and interposed upon, and how they live with Node. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Fd, FdIo, Green, Handler, Protocol, WaitFd, waitFd } from "green-core"
import { systemFixtures, turnsOfTheLoop } from "green-core/testing"
import type { WaitFdClause, WaitFdRequest } from "green-core/WaitFdHandler"
import * as TestClock from "effect/testing/TestClock"
import * as Events from "node:events"
import * as Fs from "node:fs"
import * as Net from "node:net"

const Label = Context.Reference<string>("test/Label", { defaultValue: () => "nobody" })

const ready: Fd.Readiness = { readable: true, writable: false, hangup: false, error: false }

const none = Context.empty()

const nobody = { readers: 0, writers: 0, descriptors: 0 }

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** A clause that answers when the test says so, and remembers what it was asked. */
const scripted = () => {
  const asked: Array<{ readonly request: WaitFdRequest; readonly resume: Parameters<WaitFdClause>[1] }> = []
  const withdrawn: Array<number> = []
  const clause: WaitFdClause = (request, resume) => {
    asked.push({ request, resume })
    return () => withdrawn.push(request.fd)
  }
  return { clause, asked, withdrawn, answer: (index: number) => asked[index]?.resume(Exit.succeed(ready)) }
}

const alwaysReady = Layer.succeed(
  WaitFd,
  WaitFd.fromClause((_request, resume) => {
    resume(Exit.succeed(ready))
    return Handler.nothingToWithdraw
  })
)

/** What the epoll sets of this process ask the kernel for, of a descriptor; undefined when they do not know it. */
const kernelEvents = (fd: number): ReadonlyArray<string> | undefined => {
  const line = new RegExp(`^tfd:\\s+${fd} events:\\s+([0-9a-f]+)`, "m")
  for (const set of Fs.readdirSync("/proc/self/fdinfo")) {
    const [, mask] = line.exec(textOf(`/proc/self/fdinfo/${set}`)) ?? []
    if (mask === undefined) continue
    const events = Number.parseInt(mask, 16)
    return [...((events & 1) !== 0 ? ["read"] : []), ...((events & 4) !== 0 ? ["write"] : [])]
  }
  return undefined
}

/** What Node has closed meanwhile has no text. */
const textOf = (path: string): string => {
  try {
    return Fs.readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

/** A socket pair whose ends are closed with the scope. */
const socketPair = Effect.acquireRelease(FdIo.makeSocketPair, (ends) =>
  Effect.forEach(ends, (fd) => Effect.ignore(Effect.andThen(WaitFd.notifyClosing(fd), FdIo.close(fd))))
)

describe("waitFd", () => {
  it.effect("asks the handler in plain data: the number, the interest, whether to be alone", () => {
    const script = scripted()
    return Effect.gen(function* () {
      yield* start(waitFd(7))
      yield* start(waitFd({ fd: 8 }, "write"))
      yield* start(waitFd({ fileno: () => 9 }, "readwrite", { exclusive: true }))
      assert.deepStrictEqual(
        script.asked.map(({ request }) => request),
        [
          { fd: 7, interest: "read", exclusive: false },
          { fd: 8, interest: "write", exclusive: false },
          { fd: 9, interest: "readwrite", exclusive: true }
        ]
      )
      assert.deepStrictEqual(structuredClone(script.asked[0]?.request), script.asked[0]?.request)
    }).pipe(Effect.provideService(WaitFd, WaitFd.fromClause(script.clause)))
  })

  it.effect("reads the descriptor of an object when it is performed, not when it is made", () => {
    const script = scripted()
    const device = { fd: 7 }
    const program = waitFd(device)
    device.fd = 8
    return Effect.gen(function* () {
      yield* start(program)
      assert.strictEqual(script.asked[0]?.request.fd, 8)
    }).pipe(Effect.provideService(WaitFd, WaitFd.fromClause(script.clause)))
  })

  it.effect("does not ask the handler about what is no descriptor", () => {
    const script = scripted()
    return Effect.gen(function* () {
      yield* Effect.flip(waitFd(-1))
      assert.deepStrictEqual(script.asked, [])
    }).pipe(Effect.provideService(WaitFd, WaitFd.fromClause(script.clause)))
  })

  it.effect("is limited by Effect.timeout, on the clock of the program", () =>
    Effect.gen(function* () {
      const [fd] = yield* socketPair
      const waiter = yield* start(Effect.timeoutOption(waitFd(fd), "1 hour"))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* Fiber.join(waiter))._tag, "None")
      assert.deepStrictEqual(yield* WaitFd.statistics, nobody)
    }).pipe(Effect.provide(Green.layer))
  )
})

describe("WaitFd.fromClause", () => {
  it.effect("ignores a second resume, and a resume after the withdrawal", () => {
    const script = scripted()
    return Effect.gen(function* () {
      const [answered, interrupted] = [yield* start(waitFd(7)), yield* start(waitFd(8))]
      script.answer(0)
      script.answer(0)
      assert.deepStrictEqual(yield* Fiber.join(answered), ready)
      yield* Fiber.interrupt(interrupted)
      script.answer(1)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(interrupted)))
      assert.deepStrictEqual(script.withdrawn, [8])
    }).pipe(Effect.provideService(WaitFd, WaitFd.fromClause(script.clause)))
  })

  it("holds the clause to its contract for those who register, too", () => {
    const script = scripted()
    const { register, account } = WaitFd.fromClause(script.clause)
    let resumed = 0
    const ask = () => register(Protocol.request(7), () => resumed++, Context.empty())
    const [first, second] = [ask(), ask()]
    script.answer(0)
    script.answer(0)
    first()
    second()
    second()
    script.answer(1)
    assert.strictEqual(resumed, 1)
    assert.deepStrictEqual(script.withdrawn, [7])
    assert.deepStrictEqual(account.statistics(), nobody)
  })

  it.effect("keeps the account: who waits, who is told of a close, who is alone", () => {
    const script = scripted()
    return Effect.gen(function* () {
      const waiters = [
        yield* start(waitFd(7)),
        yield* start(waitFd(7, "readwrite")),
        yield* start(waitFd(8, "write", { exclusive: true }))
      ]
      assert.deepStrictEqual(yield* WaitFd.statistics, { readers: 2, writers: 2, descriptors: 2 })
      assert.strictEqual((yield* Effect.flip(waitFd(8, "write"))).reason._tag, "Busy")
      assert.strictEqual((yield* Effect.flip(waitFd(7, "read", { exclusive: true }))).reason._tag, "Busy")
      assert.strictEqual(script.asked.length, 3, "the clause was not asked for those who came second")
      yield* WaitFd.notifyClosing(7)
      assert.deepStrictEqual(script.withdrawn, [7, 7])
      for (const waiter of waiters.slice(0, 2)) {
        assert.strictEqual((yield* Effect.flip(Fiber.join(waiter))).reason._tag, "Closing")
      }
      assert.deepStrictEqual(yield* WaitFd.statistics, { readers: 0, writers: 1, descriptors: 1 })
    }).pipe(Effect.provideService(WaitFd, WaitFd.fromClause(script.clause)))
  })

  it.effect("uses the account that it is given", () => {
    const told: Array<number> = []
    const account = {
      leased: new Set<number>(),
      notifyClosing: (fd: number) => void told.push(fd),
      statistics: () => ({ readers: 1, writers: 2, descriptors: 3 })
    }
    return Effect.gen(function* () {
      yield* WaitFd.notifyClosing(7)
      assert.deepStrictEqual(told, [7])
      assert.deepStrictEqual(yield* WaitFd.statistics, { readers: 1, writers: 2, descriptors: 3 })
    }).pipe(Effect.provideService(WaitFd, WaitFd.fromClause(scripted().clause, account)))
  })

  it("tells of closes one after the other, however many follow from one, and nobody who has withdrawn", () => {
    const { account, register } = WaitFd.fromClause(scripted().clause)
    const told: Array<number> = []
    const chain = 20_000
    for (let fd = 0; fd < chain; fd++) {
      register(
        { fd, interest: "read", exclusive: false },
        () => void (told.push(fd), account.notifyClosing(fd + 1)),
        none
      )
    }
    let second = () => {}
    register({ fd: chain, interest: "read", exclusive: false }, () => second(), none)
    second = register({ fd: chain, interest: "write", exclusive: false }, () => void told.push(-1), none)
    account.notifyClosing(0)
    assert.strictEqual(told.length, chain)
    assert.deepStrictEqual(account.statistics(), nobody)
  })

  it("forgets the waiter of a clause that throws", () => {
    const { account, register } = WaitFd.fromClause(() => {
      throw new Error("a clause does not throw")
    })
    assert.throws(() => register({ fd: 7, interest: "read", exclusive: false }, () => {}, none), "does not throw")
    assert.deepStrictEqual(account.statistics(), nobody)
  })

  it.effect("takes a clause that fails, as a value", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(waitFd(7))
      assert.isTrue(error.reason._tag === "System" && error.reason.code === "EIO")
      assert.deepStrictEqual(yield* WaitFd.statistics, nobody)
    }).pipe(
      Effect.provideService(
        WaitFd,
        WaitFd.fromClause((request, resume) => {
          resume(Exit.fail(Fd.system(request.fd, "wait", 5)))
          return Handler.nothingToWithdraw
        })
      )
    )
  )
})

describe("WaitFd.fromEffect", () => {
  it.effect("answers by Effects, interrupts them on withdrawal, and keeps the account", () => {
    let interrupted = 0
    const handler = WaitFd.fromEffect((request) =>
      request.interest === "write"
        ? Effect.fail(Fd.busy(request.fd, "wait", "it is read-only"))
        : Effect.as(Effect.sleep("1 hour"), ready).pipe(Effect.onInterrupt(() => Effect.sync(() => void interrupted++)))
    )
    return Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(waitFd(7, "write"))).reason._tag, "Busy")
      const [one, two, three] = [yield* start(waitFd(7)), yield* start(waitFd(7)), yield* start(waitFd(8))]
      assert.deepStrictEqual(yield* WaitFd.statistics, { readers: 3, writers: 0, descriptors: 2 })
      yield* Fiber.interrupt(two)
      yield* WaitFd.notifyClosing(8)
      assert.strictEqual((yield* Effect.flip(Fiber.join(three))).reason._tag, "Closing")
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* Fiber.join(one), ready)
      assert.strictEqual(interrupted, 2)
    }).pipe(Effect.provideService(WaitFd, handler))
  })

  it.effect("runs the Effect with the context of the caller", () => {
    const labels: Array<string> = []
    const handler = WaitFd.fromEffect(() =>
      Effect.as(
        Effect.map(Label, (label) => labels.push(label)),
        ready
      )
    )
    return Effect.gen(function* () {
      yield* Effect.provideService(waitFd(7), Label, "caller")
      yield* Effect.provideService(
        Protocol.run(() => oneWait(7)),
        Label,
        "protocol"
      )
      assert.deepStrictEqual(labels, ["caller", "protocol"])
    }).pipe(Effect.provideService(WaitFd, handler))
  })
})

function* oneWait(fd: number): Protocol.Protocol<Fd.Readiness> {
  return yield Protocol.request(fd)
}

describe("WaitFd.around", () => {
  it.effect("sees each request and its answer, of programs and of protocols", () => {
    const trace: Array<unknown> = []
    const traced = WaitFd.around((request, next) =>
      Effect.tap(next(), (readiness) => Effect.sync(() => trace.push([request, readiness])))
    )
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* waitFd(7), ready)
      assert.deepStrictEqual(yield* Protocol.run(() => oneWait(8)), ready)
      assert.deepStrictEqual(trace, [
        [{ fd: 7, interest: "read", exclusive: false }, ready],
        [{ fd: 8, interest: "read", exclusive: false }, ready]
      ])
    }).pipe(Effect.provide(Layer.provide(traced, alwaysReady)))
  })

  it.effect("injects a failure into the k-th wait, for every k", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        for (const fd of [7, 8, 9]) yield* waitFd(fd)
        return "done"
      })
      for (const faulty of [1, 2, 3, 4]) {
        let count = 0
        const fault = WaitFd.around((request, next) =>
          ++count === faulty ? Effect.fail(Fd.system(request.fd, "wait", 5)) : next()
        )
        const exit = yield* Effect.exit(Effect.provide(program, Layer.provide(fault, alwaysReady)))
        const expected = faulty <= 3 ? Exit.fail(Fd.system(6 + faulty, "wait", 5)) : Exit.succeed("done")
        assert.deepStrictEqual(exit, expected)
      }
    })
  )

  it.effect("changes a request, and its answer", () => {
    const script = scripted()
    const changed = WaitFd.around((request, next) =>
      Effect.map(next({ ...request, fd: request.fd + 1 }), (readiness) => ({ ...readiness, hangup: true }))
    )
    return Effect.gen(function* () {
      const waiter = yield* start(waitFd(7))
      assert.strictEqual(script.asked[0]?.request.fd, 8)
      script.answer(0)
      assert.deepStrictEqual(yield* Fiber.join(waiter), { ...ready, hangup: true })
    }).pipe(Effect.provide(Layer.provide(changed, Layer.succeed(WaitFd, WaitFd.fromClause(script.clause)))))
  })

  it.effect("holds a wait back, on the clock of the caller, and lets go when that is interrupted", () => {
    const script = scripted()
    const latency = WaitFd.around((_request, next) => Effect.andThen(Effect.sleep("1 second"), next()))
    return Effect.gen(function* () {
      const [one, two] = [yield* start(waitFd(7)), yield* start(waitFd(8))]
      assert.deepStrictEqual(yield* WaitFd.statistics, nobody, "the handler underneath does not know of it yet")
      yield* Fiber.interrupt(two)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* WaitFd.statistics, { readers: 1, writers: 0, descriptors: 1 })
      script.answer(0)
      yield* Fiber.join(one)
    }).pipe(Effect.provide(Layer.provide(latency, Layer.succeed(WaitFd, WaitFd.fromClause(script.clause)))))
  })

  it.effect("runs in the fiber of the caller, and sees its context", () => {
    const labels: Array<string> = []
    const fibers: Array<number> = []
    const labelled = WaitFd.around((_request, next) =>
      Effect.gen(function* () {
        labels.push(yield* Label)
        fibers.push(yield* Effect.fiberId)
        return yield* next()
      })
    )
    return Effect.gen(function* () {
      yield* Effect.provideService(waitFd(7), Label, "caller")
      yield* Effect.provideService(
        Protocol.run(() => oneWait(7)),
        Label,
        "protocol"
      )
      assert.deepStrictEqual(labels, ["caller", "protocol"])
      assert.strictEqual(fibers[0], yield* Effect.fiberId)
    }).pipe(Effect.provide(Layer.provide(labelled, alwaysReady)))
  })

  it.effect("a layer value that is provided twice interposes once; two values interpose twice", () =>
    Effect.gen(function* () {
      let calls = 0
      const counting = () =>
        WaitFd.around((_request, next) => {
          calls++
          return next()
        })
      const once = counting()
      yield* Effect.provide(waitFd(7), once.pipe(Layer.provide(once), Layer.provide(alwaysReady)))
      assert.strictEqual(calls, 1)
      yield* Effect.provide(waitFd(7), counting().pipe(Layer.provide(counting()), Layer.provide(alwaysReady)))
      assert.strictEqual(calls, 3)
    })
  )

  it.effect("notifyClosing and leases are those of the handler underneath", () => {
    const through = WaitFd.around((_request, next) => next())
    return Effect.gen(function* () {
      const [fd] = yield* socketPair
      const waiter = yield* start(waitFd(fd))
      assert.deepStrictEqual(yield* WaitFd.statistics, { readers: 1, writers: 0, descriptors: 1 })
      yield* WaitFd.notifyClosing(fd)
      assert.strictEqual((yield* Effect.flip(Fiber.join(waiter))).reason._tag, "Closing")
      yield* WaitFd.lease(fd, { onRelease: "keep" })
      const second = yield* Effect.flip(Effect.scoped(Effect.provide(WaitFd.lease(fd), Green.layer)))
      assert.strictEqual(second.reason._tag, "Busy")
    }).pipe(Effect.provide(through.pipe(Layer.provideMerge(Green.layer))))
  })
})

describe("Green.layer", () => {
  it.effect("is one handler for the thread: two layers of it share waiters and leases", () =>
    Effect.gen(function* () {
      const [fd] = yield* Effect.provide(socketPair, Green.layer)
      const waiter = yield* start(Effect.provide(waitFd(fd), Layer.fresh(Green.layer)))
      assert.strictEqual((yield* Effect.provide(WaitFd.statistics, Green.layer)).readers, 1)
      yield* Effect.provide(WaitFd.notifyClosing(fd), Layer.fresh(Green.layer))
      assert.strictEqual((yield* Effect.flip(Fiber.join(waiter))).reason._tag, "Closing")
    })
  )

  it.effect("asks the kernel for nothing when nobody waits, and forgets a descriptor that is to be closed", () =>
    Effect.gen(function* () {
      const [fd, peer] = yield* socketPair
      const readable = yield* start(waitFd(fd))
      assert.deepStrictEqual(kernelEvents(fd), ["read"])
      const both = yield* start(waitFd(fd, "readwrite"))
      assert.deepStrictEqual(yield* Fiber.join(both), { ...ready, readable: false, writable: true })
      assert.deepStrictEqual(kernelEvents(fd), ["read"])
      yield* Fiber.interrupt(readable)
      assert.deepStrictEqual(kernelEvents(fd), [])
      const woken = yield* start(waitFd(fd))
      yield* FdIo.write(peer, Uint8Array.of(1))
      yield* Fiber.join(woken)
      assert.deepStrictEqual(kernelEvents(fd), [])
      yield* WaitFd.notifyClosing(fd)
      assert.isUndefined(kernelEvents(fd))
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("resumes one after the other: who is told of a close in the middle of it has its turn after", () =>
    Effect.gen(function* () {
      const [one, two] = yield* socketPair
      const { register, account } = yield* WaitFd
      const said: Array<string> = []
      register(
        Protocol.request(one),
        () => {
          said.push("one begins")
          account.notifyClosing(two)
          said.push("one ends")
        },
        Context.empty()
      )
      register(Protocol.request(two), () => said.push("two"), Context.empty())
      account.notifyClosing(one)
      assert.deepStrictEqual(said, ["one begins", "one ends", "two"])
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("counts nobody as a rival who waits for what was closed before", () =>
    Effect.gen(function* () {
      const before = yield* systemFixtures.endpoint
      const old = yield* start(waitFd(before.fd, "read", { exclusive: true }))
      const after = yield* before.reuse ?? Effect.die("no reuse")
      const renewed = yield* start(waitFd(after.fd))
      assert.strictEqual((yield* Effect.flip(Fiber.join(old))).reason._tag, "BadDescriptor")
      yield* after.makeReadable
      assert.deepStrictEqual(yield* Fiber.join(renewed), ready)
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("wakes for a socket that Node reads too, and neither takes anything from the other", () =>
    Effect.gen(function* () {
      const [fd, peer] = yield* FdIo.makeSocketPair
      const socket = new Net.Socket({ fd, readable: true, writable: true })
      const received: Array<string> = []
      socket.on("data", (data: Buffer) => received.push(data.toString()))
      const closed = yield* start(Effect.promise(() => Events.once(socket, "close")))
      for (let message = 0; message < 50; message++) {
        // Node may be faster than the waiter, which then waits on; either way Node has the data.
        const waiter = yield* start(waitFd(socket))
        yield* FdIo.write(peer, new TextEncoder().encode(`${message};`))
        while (!received.join("").endsWith(`${message};`)) yield* turnsOfTheLoop
        assert.isTrue((yield* waitFd(socket, "write")).writable)
        yield* Fiber.interrupt(waiter)
      }
      assert.strictEqual(received.join(""), Array.from({ length: 50 }, (_, message) => `${message};`).join(""))
      yield* FdIo.close(peer)
      yield* Fiber.join(closed)
      assert.deepStrictEqual(yield* WaitFd.statistics, nobody)
    }).pipe(Effect.provide(Green.layer))
  )
})
