/** Sleeping, time-outs and fairness in a blocked thread. About real time: the thread really sleeps. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { FdIo, Green, WaitFd, waitFd } from "green-core"

/** The result of a function, and how long it took in milliseconds, by the wall and by the processor. */
const measure = <A>(run: () => A) => {
  const cpu = process.cpuUsage()
  const start = performance.now()
  const value = run()
  const elapsed = performance.now() - start
  const { user, system } = process.cpuUsage(cpu)
  return { value, elapsed, cpu: (user + system) / 1000 }
}

/** A descriptor that never becomes ready. */
const silent = Effect.gen(function* () {
  const { reader, writer } = yield* FdIo.makePipe
  yield* WaitFd.lease(writer)
  return yield* WaitFd.lease(reader)
})

describe("sleeping", () => {
  it("blocks for as long as was asked, never shorter, and below a millisecond too", () => {
    for (const milliseconds of [0.2, 1, 2.5, 20]) {
      const { elapsed } = measure(() => Green.runSync(Effect.sleep(Duration.millis(milliseconds))))
      assert.isAtLeast(elapsed, milliseconds)
    }
  })

  it("goes on for longer than the thread is blocked at a time", () => {
    const { elapsed } = measure(() => Green.runSync(Effect.sleep("250 millis")))
    assert.isAtLeast(elapsed, 250)
  })

  it("costs no processor, with and without somebody who waits for a descriptor", () => {
    const asleep = measure(() => Green.runSync(Effect.sleep("500 millis")))
    assert.isBelow(asleep.cpu, 100)
    const waiting = measure(() =>
      Green.runSync(
        Effect.scoped(
          Effect.flatMap(silent, (reader) => Effect.timeoutOption(reader.wait("read"), Duration.millis(500)))
        )
      )
    )
    assert.isTrue(Option.isNone(waiting.value))
    assert.isAtLeast(waiting.elapsed, 500)
    assert.isBelow(waiting.cpu, 100)
  })

  it("wakes each sleeper at its own time, in the order of the deadlines", () => {
    const asleep: Array<readonly [index: number, deadline: number]> = []
    const woken: Array<number> = []
    const sleeper = (delay: number, index: number) =>
      Effect.suspend(() => {
        asleep.push([index, performance.now() + delay])
        return Effect.andThen(
          Effect.sleep(Duration.millis(delay)),
          Effect.sync(() => woken.push(index))
        )
      })
    Green.runSync(Effect.forEach([35, 15, 45, 5, 15, 25, 40, 10, 30, 20, 1, 15], sleeper, { concurrency: "unbounded" }))
    assert.deepEqual(
      woken,
      asleep.toSorted(([, one], [, other]) => one - other).map(([index]) => index)
    )
  })

  it("does not wait for a sleeper who was interrupted, and wakes the others as before", () => {
    const woken: Array<number> = []
    const { elapsed } = measure(() =>
      Green.runSync(
        Effect.gen(function* () {
          const sleepers = yield* Effect.forEach([50, 10, 3_600_000, 30, 3_600_000, 20, 40, 3_600_000], (delay) =>
            Effect.forkChild(
              Effect.andThen(
                Effect.sleep(Duration.millis(delay)),
                Effect.sync(() => woken.push(delay))
              ),
              { startImmediately: true }
            )
          )
          yield* Fiber.interruptAll([2, 4, 7, 3].flatMap((index) => sleepers[index] ?? []))
          yield* Fiber.awaitAll(sleepers)
        })
      )
    )
    assert.sameMembers(woken, [10, 20, 40, 50])
    assert.isBelow(elapsed, 10_000)
  })

  it("lets the other fibers run when it is for no time at all", () => {
    const order: Array<string> = []
    const say = (what: string) => Effect.sync(() => order.push(what))
    Green.runSync(
      Effect.gen(function* () {
        const other = yield* Effect.forkChild(say("other"))
        yield* Effect.sleep(0)
        yield* say("root")
        yield* Fiber.join(other)
      })
    )
    assert.deepEqual(order, ["other", "root"])
  })

  it("holds 10,000 sleepers", () => {
    let woken = 0
    const one = (index: number) =>
      Effect.andThen(
        Effect.sleep(Duration.millis((index * 7919) % 50)),
        Effect.sync(() => woken++)
      )
    Green.runSync(
      Effect.forEach(
        Array.from({ length: 10_000 }, (_, index) => index),
        one,
        { concurrency: "unbounded", discard: true }
      )
    )
    assert.equal(woken, 10_000)
  })
})

describe("the clock", () => {
  it("tells the time of the system, and goes on while the thread sleeps", () => {
    const before = Date.now()
    const [first, second] = Green.runSync(
      Effect.gen(function* () {
        const read = Effect.all([Clock.currentTimeMillis, Clock.currentTimeNanos, Clock.monotonicTimeNanos])
        const first = yield* read
        yield* Effect.sleep("20 millis")
        return [first, yield* read]
      })
    )
    assert.isAtLeast(first[0], before)
    assert.isAtLeast(second[0] - first[0], 19)
    assert.isAtLeast(Number(second[1] - first[1]) / 1e6, 19)
    assert.isAtLeast(Number(second[2] - first[2]) / 1e6, 20)
    assert.isBelow(Math.abs(Number(first[1]) / 1e6 - first[0]), 60_000)
  })

  it("is what a schedule goes by", () => {
    const { value, elapsed } = measure(() =>
      Green.runSync(
        Effect.gen(function* () {
          let runs = 0
          yield* Effect.repeat(
            Effect.sync(() => runs++),
            Schedule.max([Schedule.spaced("10 millis"), Schedule.recurs(3)])
          )
          return runs
        })
      )
    )
    assert.equal(value, 4)
    assert.isAtLeast(elapsed, 30)
  })
})

describe("a time-out and a race", () => {
  it("end a wait for a descriptor, and take the waiter back", () => {
    const [outcome, statistics] = Green.runSync(
      Effect.scoped(
        Effect.gen(function* () {
          const reader = yield* silent
          const outcome = yield* Effect.timeoutOption(reader.wait("read"), "10 millis")
          return [outcome, yield* WaitFd.statistics]
        })
      )
    )
    assert.isTrue(Option.isNone(outcome))
    assert.deepEqual(statistics, { readers: 0, writers: 0, descriptors: 0 })
  })

  it("are won by the descriptor when it is ready in time", () => {
    const readiness = Green.runSync(
      Effect.scoped(
        Effect.gen(function* () {
          const [one, other] = yield* FdIo.makeSocketPair
          const end = yield* WaitFd.lease(one)
          const peer = yield* WaitFd.lease(other)
          yield* Effect.forkChild(Effect.andThen(Effect.sleep("10 millis"), FdIo.write(peer, Uint8Array.of(1))))
          return yield* Effect.timeout(end.wait("read"), "10 seconds")
        })
      )
    )
    assert.isTrue(readiness.readable)
  })

  it("are won by the faster of two sleepers, and the slower is interrupted", () => {
    const { value, elapsed } = measure(() =>
      Green.runSync(
        Effect.race(Effect.as(Effect.sleep("10 millis"), "fast"), Effect.as(Effect.sleep("1 hour"), "slow"))
      )
    )
    assert.equal(value, "fast")
    assert.isBelow(elapsed, 10_000)
  })
})

describe("a fiber that never suspends", () => {
  const busy = Effect.forever(Effect.sync(() => {}))
  const yielding = Effect.forever(Effect.yieldNow)

  for (const [name, restless] of Object.entries({ "only computes": busy, "only yields": yielding })) {
    it(`leaves sleepers their turn when it ${name}`, () => {
      assert.equal(Green.runSync(Effect.race(restless, Effect.as(Effect.sleep("5 millis"), "awake"))), "awake")
    })

    it(`leaves descriptors their turn when it ${name}`, () => {
      const readiness = Green.runSync(
        Effect.scoped(
          Effect.gen(function* () {
            const [one, other] = yield* FdIo.makeSocketPair
            const end = yield* WaitFd.lease(one)
            const peer = yield* WaitFd.lease(other)
            const waiter = yield* Effect.forkChild(end.wait("read"), { startImmediately: true })
            yield* Effect.forkChild(restless)
            yield* Effect.sleep("5 millis")
            yield* FdIo.write(peer, Uint8Array.of(1))
            return yield* Fiber.join(waiter)
          })
        )
      )
      assert.isTrue(readiness.readable)
    })

    it(`leaves other fibers their turn when it ${name}`, () => {
      const other = Effect.as(Effect.yieldNow, "other")
      assert.equal(Green.runSync(Effect.raceAll([restless, Effect.andThen(Effect.yieldNow, other)])), "other")
    })
  }

  it("leaves everybody their turn when it waits for what is always ready", () => {
    const result = Green.runSync(
      Effect.scoped(
        Effect.gen(function* () {
          const { reader, writer } = yield* FdIo.makePipe
          yield* WaitFd.lease(reader)
          yield* WaitFd.lease(writer)
          const restless = Effect.forever(waitFd(writer, "write"))
          return yield* Effect.raceAll([restless, restless, Effect.as(Effect.sleep("5 millis"), "awake")])
        })
      )
    )
    assert.equal(result, "awake")
  })
})
