/** Sleeping, time-outs and fairness in a blocked thread. About real time: the thread really sleeps. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
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
    interface Sleeper {
      readonly earliest: number
      readonly latest: number
    }
    const woken: Array<Sleeper> = []
    Green.runSync(
      Effect.forEach([35, 15, 45, 5, 15, 25, 40, 10, 30, 20, 1, 15], (delay) =>
        Effect.gen(function* () {
          const earliest = performance.now() + delay
          let sleeper: Sleeper = { earliest, latest: Infinity }
          const fiber = yield* Effect.forkDetach(
            Effect.andThen(
              Effect.sleep(Duration.millis(delay)),
              Effect.sync(() => {
                assert.isAtLeast(performance.now(), earliest)
                woken.push(sleeper)
              })
            ),
            { startImmediately: true }
          )
          sleeper = { earliest, latest: performance.now() + delay }
          return fiber
        })
      ).pipe(Effect.flatMap(Fiber.joinAll))
    )
    assert.equal(woken.length, 12)
    for (const [index, sleeper] of woken.entries()) {
      for (const later of woken.slice(index + 1)) assert.isAtLeast(later.latest, sleeper.earliest)
    }
  })

  it("does not wait for a sleeper who was interrupted, and wakes the others as before", () => {
    const woken: Array<number> = []
    const { elapsed } = measure(() =>
      Green.runSync(
        Effect.gen(function* () {
          const sleepers = yield* Effect.forEach([50, 10, 15_000, 30, 15_000, 20, 40, 15_000], (delay) =>
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

  it("keeps nothing up once it was interrupted", () => {
    const { value, elapsed } = measure(() =>
      Green.runSyncExit(
        Effect.gen(function* () {
          yield* Fiber.interrupt(yield* Effect.forkChild(Effect.sleep("15 seconds"), { startImmediately: true }))
          return yield* Effect.never
        })
      )
    )
    assert.isTrue(Exit.hasDies(value))
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
        Effect.race(Effect.as(Effect.sleep("10 millis"), "fast"), Effect.as(Effect.sleep("15 seconds"), "slow"))
      )
    )
    assert.equal(value, "fast")
    assert.isBelow(elapsed, 10_000)
  })
})

describe("a fiber that never suspends", () => {
  /** One that starves the others could not be stopped by the test's time-out: it stops by itself. */
  const restless = <R>(step: Effect.Effect<unknown, unknown, R>) =>
    Effect.gen(function* () {
      const limit = performance.now() + 10_000
      while (performance.now() < limit) yield* step
    })
  const restlessOnes = { computes: restless(Effect.sync(() => {})), yields: restless(Effect.yieldNow) }

  const promptly = <A>(run: () => A): A => {
    const { value, elapsed } = measure(run)
    assert.isBelow(elapsed, 8_000)
    return value
  }

  for (const [name, fiber] of Object.entries(restlessOnes)) {
    it(`leaves sleepers their turn when it only ${name}`, () => {
      promptly(() => Green.runSync(Effect.raceFirst(fiber, Effect.sleep("5 millis"))))
    })

    it(`leaves descriptors their turn when it only ${name}`, () => {
      const readiness = promptly(() =>
        Green.runSync(
          Effect.scoped(
            Effect.gen(function* () {
              const [one, other] = yield* FdIo.makeSocketPair
              const end = yield* WaitFd.lease(one)
              const peer = yield* WaitFd.lease(other)
              const waiter = yield* Effect.forkChild(end.wait("read"), { startImmediately: true })
              yield* Effect.forkChild(fiber)
              yield* Effect.yieldNow
              yield* FdIo.write(peer, Uint8Array.of(1))
              return yield* Fiber.join(waiter)
            })
          )
        )
      )
      assert.isTrue(readiness.readable)
    })

    it(`leaves other fibers their turn when it only ${name}`, () => {
      const others = Effect.repeat(Effect.yieldNow, { times: 10 })
      promptly(() => Green.runSync(Effect.raceFirst(fiber, others)))
    })
  }

  it("leaves everybody their turn when it waits for what is always ready", () => {
    promptly(() =>
      Green.runSync(
        Effect.scoped(
          Effect.gen(function* () {
            const { reader, writer } = yield* FdIo.makePipe
            yield* WaitFd.lease(reader)
            yield* WaitFd.lease(writer)
            const fiber = restless(waitFd(writer, "write"))
            yield* Effect.raceAllFirst([fiber, fiber, Effect.sleep("5 millis")])
          })
        )
      )
    )
  })
})
