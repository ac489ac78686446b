/**
 * The laws of `waitFd`.
 *
 * They are numbered as they are for every handler: a law that only some handlers can be asked for keeps its number, and
 * the numbers that are missing here are laws of `wait`, or of a whole process.
 *
 * @since 0.1.0
 */
import * as Assert from "node:assert/strict"
import { AsyncLocalStorage } from "node:async_hooks"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { FdError, type Interest, type Readiness } from "../Fd.ts"
import * as Protocol from "../Protocol.ts"
import { WaitFd, waitFd } from "../WaitFd.ts"
import type { Fixtures } from "./Fixtures.ts"
import { claimed, type Law, maker, stackDepth, start, startMany, type Subject, waits } from "./Law.ts"

/**
 * What `waitFdLaws` is run against.
 *
 * @category models
 * @since 0.1.0
 */
export interface WaitFdSubject<R> extends Subject<WaitFd | R> {
  readonly fixtures: Fixtures<R>
}

/**
 * The laws of `waitFd`.
 *
 * @example
 * ```ts
 * import { it } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 * import { Green } from "green-core"
 * import { systemFixtures, turnsOfTheLoop, waitFdLaws } from "green-core/testing"
 *
 * const laws = waitFdLaws({
 *   name: "event loop",
 *   run: (program) => Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Green.layer))),
 *   settle: turnsOfTheLoop,
 *   fixtures: systemFixtures,
 *   capabilities: ["hangup", "error", "closed", "reuse", "file", "idle"]
 * })
 *
 * export const check = () => {
 *   for (const law of laws) it.skipIf(law.skipped !== undefined)(law.name, law.run)
 * }
 * ```
 *
 * @category laws
 * @since 0.1.0
 */
export const waitFdLaws = <R>(subject: WaitFdSubject<R>): ReadonlyArray<Law> => {
  const law = maker(subject)
  const { fixtures, settle } = subject

  return [
    law("1. what is ready is ready at once, for as much as was asked", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        yield* end.makeReadable
        const waiters = yield* Effect.forEach(readyFor, ([interest]) => start(waitFd(end.fd, interest)))
        yield* settle
        Assert.deepEqual(
          waiters.map((waiter) => waiter.pollUnsafe()),
          readyFor.map(([, readiness]) => Exit.succeed(readiness))
        )
      })
    ),

    law("2. a waiter wakes when its descriptor becomes readable, and the byte is still unread", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        const waiter = yield* start(waitFd(end.fd))
        yield* settle
        waits(waiter)
        yield* end.makeReadable
        Assert.deepEqual(yield* Fiber.join(waiter), readable)
        Assert.equal(yield* end.readAll, 1)
        const next = yield* start(waitFd(end.fd))
        yield* settle
        waits(next, "all was read: nothing is left to wake for")
      })
    ),

    law("2. a waiter wakes when its descriptor becomes writable", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        yield* end.makeUnwritable
        const waiter = yield* start(waitFd(end.fd, "write"))
        yield* settle
        waits(waiter)
        yield* end.makeWritable
        Assert.deepEqual(yield* Fiber.join(waiter), writable)
      })
    ),

    law("3. a hang-up completes any wait, before and after it was asked for", ["hangup"], () =>
      Effect.gen(function* () {
        const hanging = yield* claimed(fixtures.hanging, "hanging")
        const full = Effect.tap(fixtures.endpoint, (end) => end.makeUnwritable)
        for (const made of [hanging, full]) {
          for (const interest of interests) {
            const { fd, hangUp } = yield* made
            const before = yield* start(waitFd(fd, interest))
            yield* settle
            waits(before)
            yield* hangUp
            Assert.equal((yield* Fiber.join(before)).hangup, true, interest)
            Assert.equal((yield* waitFd(fd, interest)).hangup, true, interest)
          }
        }
      })
    ),

    law("3. an error completes any wait, before and after it was asked for", ["error"], () =>
      Effect.gen(function* () {
        for (const interest of interests) {
          const { fd, makeError } = yield* Effect.flatten(claimed(fixtures.failing, "failing"))
          const before = yield* start(waitFd(fd, interest))
          yield* settle
          waits(before)
          yield* makeError
          Assert.equal((yield* Fiber.join(before)).error, true, interest)
          Assert.equal((yield* waitFd(fd, interest)).error, true, interest)
        }
      })
    ),

    law("4. interruption removes the waiter at once and leaves nothing registered", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        yield* end.makeUnwritable
        for (const interest of interests) {
          const waiter = yield* start(waitFd(end.fd, interest))
          yield* settle
          waits(waiter)
          waiter.interruptUnsafe()
          Assert.deepEqual(yield* WaitFd.statistics, nobody, interest)
          Assert.ok(Exit.hasInterrupts(yield* Fiber.await(waiter)))
        }
        yield* end.makeReadable
        Assert.deepEqual(yield* waitFd(end.fd), readable)
      })
    ),

    law("4. a time-out removes the waiter and leaves nothing registered", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        const late = yield* Effect.flip(Effect.timeout(waitFd(end.fd), "1 millis"))
        Assert.equal(late._tag, "TimeoutError")
        Assert.deepEqual(yield* WaitFd.statistics, nobody)
        const other = yield* start(waitFd(end.fd))
        yield* end.makeReadable
        Assert.deepEqual(yield* Fiber.join(other), readable)
      })
    ),

    law("4. interrupting one waiter leaves the others waiting", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        const [first, second, third] = [
          yield* start(waitFd(end.fd)),
          yield* start(waitFd(end.fd)),
          yield* start(waitFd(end.fd))
        ]
        yield* Fiber.interrupt(second)
        yield* settle
        waits(first)
        waits(third)
        yield* end.makeReadable
        yield* Fiber.join(first)
        yield* Fiber.join(third)
        Assert.deepEqual(yield* WaitFd.statistics, nobody)
      })
    ),

    law("5. the two directions of one descriptor wake independently", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        yield* end.makeUnwritable
        const reader = yield* start(waitFd(end.fd, "read"))
        const writer = yield* start(waitFd(end.fd, "write"))
        yield* settle
        yield* end.makeReadable
        Assert.deepEqual(yield* Fiber.join(reader), readable)
        yield* settle
        waits(writer, "it became readable, not writable")
        yield* end.readAll
        const again = yield* start(waitFd(end.fd, "read"))
        yield* end.makeWritable
        Assert.deepEqual(yield* Fiber.join(writer), writable)
        yield* settle
        waits(again, "it became writable, not readable")
      })
    ),

    law("6. all waiters of one direction wake", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        yield* end.makeUnwritable
        const writer = yield* start(waitFd(end.fd, "write"))
        const readers = yield* Effect.forEach(["read", "readwrite", "read", "readwrite"] as const, (interest) =>
          start(waitFd(end.fd, interest))
        )
        yield* settle
        yield* end.makeReadable
        Assert.deepEqual(yield* Fiber.joinAll(readers), [readable, readable, readable, readable])
        waits(writer)
      })
    ),

    law("7. notifyClosing fails the waiters of the descriptor with Closing, and no others", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        const other = yield* fixtures.endpoint
        yield* end.makeUnwritable
        const waiters = yield* Effect.forEach(interests, (interest) => start(waitFd(end.fd, interest)))
        const elsewhere = yield* start(waitFd(other.fd))
        yield* settle
        yield* WaitFd.notifyClosing(end.fd)
        yield* end.close
        for (const waiter of waiters) {
          const error = yield* Effect.flip(Fiber.join(waiter))
          Assert.deepEqual([error.fd, error.operation, error.reason], [end.fd, "wait", { _tag: "Closing" }])
        }
        yield* settle
        waits(elsewhere)
        yield* other.makeReadable
        yield* Fiber.join(elsewhere)
      })
    ),

    law("7. notifyClosing is harmless when nobody waits", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        yield* WaitFd.notifyClosing(end.fd)
        yield* end.makeReadable
        Assert.deepEqual(yield* waitFd(end.fd), readable, "it was not closed after all")
        yield* WaitFd.notifyClosing(end.fd)
        yield* WaitFd.notifyClosing(end.fd)
        Assert.deepEqual(yield* waitFd(end.fd), readable)
      })
    ),

    law("8. what is no descriptor fails with BadDescriptor, at once, and names the value", [], () =>
      Effect.gen(function* () {
        for (const value of [-1, Number.NaN, 1.5, 1e10, Number.POSITIVE_INFINITY]) {
          const waiter = yield* start(Effect.flip(waitFd(value)))
          Assert.notEqual(waiter.pollUnsafe(), undefined, `${value} should not suspend`)
          badDescriptor(yield* Fiber.join(waiter), value)
        }
      })
    ),

    law("8. a number under which nothing is open fails with BadDescriptor, at once", ["closed"], () =>
      Effect.gen(function* () {
        const fd = yield* Effect.flatten(claimed(fixtures.closed, "closed"))
        for (const number of [fd, 0x7fffffff]) {
          for (const interest of interests) {
            const waiter = yield* start(Effect.flip(waitFd(number, interest)))
            Assert.notEqual(waiter.pollUnsafe(), undefined, `${number} should not suspend`)
            badDescriptor(yield* Fiber.join(waiter), number)
          }
        }
        Assert.deepEqual(yield* WaitFd.statistics, nobody)
      })
    ),

    law("9. a closed and reused number never wakes the old waiter and never starves the new one", ["reuse"], () =>
      Effect.gen(function* () {
        const before = yield* fixtures.endpoint
        const old = yield* start(Effect.exit(waitFd(before.fd)))
        yield* settle
        const after = yield* Effect.flatten(claimed(before.reuse, "reuse"))
        Assert.equal(after.fd, before.fd)
        const renewed = yield* start(waitFd(after.fd))
        yield* settle
        waits(renewed)
        yield* after.makeReadable
        Assert.deepEqual(yield* Fiber.join(renewed), readable)
        yield* settle
        neverWoke(old)
      })
    ),

    law("9. data for a reused number that nobody waits for wakes nobody", ["reuse"], () =>
      Effect.gen(function* () {
        const before = yield* fixtures.endpoint
        const old = yield* start(Effect.exit(waitFd(before.fd)))
        yield* settle
        const after = yield* Effect.flatten(claimed(before.reuse, "reuse"))
        yield* after.makeReadable
        yield* settle
        neverWoke(old)
        yield* Fiber.interrupt(old)
        Assert.deepEqual(yield* waitFd(after.fd), readable)
      })
    ),

    law("9. interrupting the old waiter of a reused number leaves the new one waiting", ["reuse"], () =>
      Effect.gen(function* () {
        const before = yield* fixtures.endpoint
        const old = yield* start(Effect.exit(waitFd(before.fd)))
        yield* settle
        const after = yield* Effect.flatten(claimed(before.reuse, "reuse"))
        const renewed = yield* start(waitFd(after.fd))
        yield* Fiber.interrupt(old)
        yield* settle
        waits(renewed)
        yield* after.makeReadable
        Assert.deepEqual(yield* Fiber.join(renewed), readable)
      })
    ),

    law("10. a close that nobody was told of neither crashes nor wakes, and the wait stays interruptible", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        const other = yield* fixtures.endpoint
        const waiter = yield* start(Effect.exit(waitFd(end.fd)))
        const elsewhere = yield* start(waitFd(other.fd))
        yield* settle
        yield* end.close
        yield* settle
        neverWoke(waiter)
        yield* other.makeReadable
        yield* Fiber.join(elsewhere)
        yield* Fiber.interrupt(waiter)
        Assert.deepEqual(yield* WaitFd.statistics, nobody)
      })
    ),

    law("11. a file is always ready, for as much as was asked", ["file"], () =>
      Effect.gen(function* () {
        const fd = yield* Effect.flatten(claimed(fixtures.file, "file"))
        for (const [interest, readiness] of readyFor) Assert.deepEqual(yield* waitFd(fd, interest), readiness)
        Assert.deepEqual(yield* WaitFd.statistics, nobody)
      })
    ),

    law("13. waiting costs no CPU", ["idle"], () =>
      Effect.gen(function* () {
        const ends = yield* Effect.forEach(Array.from({ length: 20 }), () => fixtures.endpoint)
        const waiters = yield* Effect.forEach(ends, (end) => start(waitFd(end.fd)))
        yield* settle
        yield* idles
        for (const waiter of waiters) waits(waiter)
      })
    ),

    law("13. a wait that was interrupted costs no CPU, whatever becomes of the descriptor", ["idle"], () =>
      Effect.gen(function* () {
        const [readable, hungUp] = [yield* fixtures.endpoint, yield* fixtures.endpoint]
        for (const end of [readable, hungUp]) {
          const waiter = yield* start(waitFd(end.fd))
          yield* settle
          yield* Fiber.interrupt(waiter)
        }
        yield* readable.makeReadable
        yield* hungUp.hangUp
        yield* idles
      })
    ),

    law("16. on one descriptor and direction, the order of wake-ups is the order of waiting", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        const order: Array<number> = []
        const waiters = yield* Effect.forEach(Array.from({ length: 100 }), (_, index) =>
          start(
            Effect.andThen(
              waitFd(end.fd),
              Effect.sync(() => order.push(index))
            )
          )
        )
        yield* Fiber.interrupt(waiters[50] ?? Assert.fail())
        yield* settle
        yield* end.makeReadable
        yield* Fiber.awaitAll(waiters)
        Assert.deepEqual(
          order,
          Array.from({ length: 100 }, (_, index) => index).filter((index) => index !== 50)
        )
      })
    ),

    law("17. waits that are answered at once do not starve others: waiters, timers, and who yields", [], () =>
      Effect.gen(function* () {
        const [greedy, other] = [yield* fixtures.endpoint, yield* fixtures.endpoint]
        const others = yield* Effect.forEach(
          [waitFd(other.fd), Effect.sleep("1 millis"), settle, Effect.yieldNow],
          start
        )
        const mostWaits = 1_000_000
        const loop = yield* start(
          Effect.gen(function* () {
            let waits = 0
            while (others.some((fiber) => fiber.pollUnsafe() === undefined) && waits++ < mostWaits) {
              yield* waitFd(greedy.fd, "write")
            }
            return waits
          })
        )
        yield* other.makeReadable
        Assert.ok((yield* Fiber.join(loop)) < mostWaits, "some never had their turn")
      })
    ),

    law("17. a protocol of 20,000 steps that are answered at once does not touch the stack", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        const steps = 20_000
        const depth = yield* Protocol.run(function* () {
          const request = Protocol.request(end.fd, "write")
          yield request
          const first = stackDepth()
          for (let step = 2; step < steps; step++) yield request
          yield request
          return stackDepth() - first
        })
        Assert.ok(Math.abs(depth) < 100, `the stack grew by ${depth} calls`)
      })
    ),

    law("18. the continuation sees the context of its caller, and its asynchronous context", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        const context = yield* Effect.context<WaitFd>()
        const seen = Effect.all([Label, Effect.sync(() => storage.getStore())])
        const waiters = ["one", "two"].map((name) =>
          storage.run(name, () =>
            Effect.runForkWith(context)(
              Effect.provideService(
                Effect.zip(
                  Effect.andThen(waitFd(end.fd), seen),
                  Effect.andThen(
                    Protocol.run(() => label(end.fd)),
                    seen
                  )
                ),
                Label,
                name
              )
            )
          )
        )
        yield* settle
        yield* storage.run("the waker", () => end.makeReadable)
        Assert.deepEqual(yield* Fiber.joinAll(waiters), [
          [
            ["one", "one"],
            ["one", "one"]
          ],
          [
            ["two", "two"],
            ["two", "two"]
          ]
        ])
      })
    ),

    law("19. 100,000 waiters on one descriptor all wake, and do not touch the stack", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        const count = 100_000
        let woken = 0
        const wait = Effect.andThen(
          waitFd(end.fd),
          Effect.sync(() => void woken++)
        )
        const waiters = yield* startMany(count, wait)
        Assert.deepEqual(yield* WaitFd.statistics, { readers: count, writers: 0, descriptors: 1 })
        yield* end.makeReadable
        yield* Fiber.awaitAll(waiters)
        Assert.equal(woken, count)
        Assert.deepEqual(yield* WaitFd.statistics, nobody)
      })
    ),

    law("19. 100,000 waiters on one descriptor can be interrupted at once", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        const count = 100_000
        const waiters = yield* startMany(count, waitFd(end.fd))
        yield* Fiber.interruptAll(waiters)
        Assert.deepEqual(yield* WaitFd.statistics, nobody)
        yield* end.makeReadable
        Assert.deepEqual(yield* waitFd(end.fd), readable)
      })
    ),

    law("20. where one asks to be alone, whoever comes second in the direction fails with Busy", [], () =>
      Effect.gen(function* () {
        for (const [first, second] of [
          [true, false],
          [false, true],
          [true, true]
        ] as const) {
          const end = yield* fixtures.endpoint
          const winner = yield* start(waitFd(end.fd, "read", { exclusive: first }))
          for (const interest of ["read", "readwrite"] as const) {
            const error = yield* Effect.flip(waitFd(end.fd, interest, { exclusive: second }))
            Assert.deepEqual([error.fd, error.operation, error.reason._tag], [end.fd, "wait", "Busy"])
          }
          Assert.deepEqual(yield* waitFd(end.fd, "write", { exclusive: second }), writable)
          yield* settle
          waits(winner)
          yield* end.makeReadable
          Assert.deepEqual(yield* Fiber.join(winner), readable)
          Assert.deepEqual(yield* waitFd(end.fd, "read", { exclusive: second }), readable, "nobody waits any more")
        }
      })
    ),

    law("21. the statistics count who waits, in each direction", [], () =>
      Effect.gen(function* () {
        const [one, two] = [yield* fixtures.endpoint, yield* fixtures.endpoint]
        for (const end of [one, two]) yield* end.makeUnwritable
        Assert.deepEqual(yield* WaitFd.statistics, nobody)
        for (const [end, interest] of [
          [one, "read"],
          [one, "write"],
          [one, "readwrite"],
          [two, "read"]
        ] as const) {
          yield* start(waitFd(end.fd, interest))
        }
        Assert.deepEqual(yield* WaitFd.statistics, { readers: 3, writers: 2, descriptors: 2 })
        yield* one.makeReadable
        yield* settle
        Assert.deepEqual(yield* WaitFd.statistics, { readers: 1, writers: 1, descriptors: 2 })
        yield* WaitFd.notifyClosing(two.fd)
        Assert.deepEqual(yield* WaitFd.statistics, { readers: 0, writers: 1, descriptors: 1 })
      })
    ),

    law("22. one who registers without a fiber is answered once, and not after the withdrawal", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        const { register } = yield* WaitFd
        const context = yield* Effect.context()
        const answers: Array<unknown> = []
        const request = Protocol.request(end.fd)
        const withdrawn = register(request, () => answers.push("withdrawn"), context)
        const withdraw = register(request, (exit) => answers.push(exit), context)
        yield* settle
        Assert.deepEqual(answers, [])
        withdrawn()
        Assert.equal((yield* WaitFd.statistics).readers, 1)
        yield* end.makeReadable
        yield* waitFd(end.fd)
        yield* settle
        Assert.deepEqual(answers, [Exit.succeed(readable)])
        withdraw()
        withdrawn()
        Assert.deepEqual(yield* WaitFd.statistics, nobody)
      })
    ),

    law("22. one who is withdrawn by another's answer is not answered, though both were ready", [], () =>
      Effect.gen(function* () {
        const end = yield* fixtures.endpoint
        const { register } = yield* WaitFd
        const context = yield* Effect.context()
        const answers: Array<string> = []
        const request = Protocol.request(end.fd)
        register(
          request,
          () => {
            answers.push("first")
            withdraw()
          },
          context
        )
        const withdraw = register(request, () => answers.push("second"), context)
        yield* settle
        yield* end.makeReadable
        yield* settle
        Assert.deepEqual(answers, ["first"])
        Assert.deepEqual(yield* WaitFd.statistics, nobody)
      })
    )
  ]
}

/** Asserts that a stretch of time costs no CPU: a spin takes all of it; the rest of the process is allowed some. */
const idles = Effect.gen(function* () {
  const milliseconds = 400
  const before = process.cpuUsage()
  yield* Effect.sleep(milliseconds)
  const { user, system } = process.cpuUsage(before)
  Assert.ok((user + system) / 1000 < milliseconds / 5, `${user + system} µs in ${milliseconds} ms`)
})

const interests: ReadonlyArray<Interest> = ["read", "write", "readwrite"]

const readiness = (ready: Partial<Readiness>): Readiness => ({
  readable: false,
  writable: false,
  hangup: false,
  error: false,
  ...ready
})

const readable = readiness({ readable: true })
const writable = readiness({ writable: true })

const readyFor: ReadonlyArray<readonly [Interest, Readiness]> = [
  ["read", readable],
  ["write", writable],
  ["readwrite", readiness({ readable: true, writable: true })]
]

const nobody = { readers: 0, writers: 0, descriptors: 0 }

const badDescriptor = (error: unknown, value: number): void => {
  Assert.ok(error instanceof FdError)
  Assert.deepEqual([error.operation, error.reason._tag], ["wait", "BadDescriptor"])
  Assert.ok(error.reason._tag === "BadDescriptor" && Object.is(error.reason.value, value))
  Assert.ok(error.message.includes(String(value)), error.message)
}

/** The waiter of a descriptor that is gone: it waits still, or was told so. */
const neverWoke = (waiter: Fiber.Fiber<Exit.Exit<Readiness, FdError>>): void => {
  const exit = waiter.pollUnsafe()
  if (exit === undefined) return
  Assert.ok(Exit.isSuccess(exit))
  const error = Option.getOrUndefined(Exit.findErrorOption(exit.value))
  Assert.equal(error?.reason._tag, "BadDescriptor", "it must not wake")
}

const Label = Context.Reference<string>("green-core/testing/Label", { defaultValue: () => "nobody" })

const storage = new AsyncLocalStorage<string>()

function* label(fd: number): Protocol.Protocol<void> {
  yield Protocol.request(fd)
}
