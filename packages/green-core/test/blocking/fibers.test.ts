/** Fibers in a blocked thread: forks, what they share, interruption, finalizers, and what becomes of those left over. */
import { assert, describe, it } from "@effect/vitest"
import { AsyncLocalStorage } from "node:async_hooks"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Queue from "effect/Queue"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { FdIo, Green, WaitFd } from "green-core"

/** Collects what is said, in order. */
const diary = () => {
  const lines: Array<string> = []
  return { lines, say: (line: string) => Effect.sync(() => void lines.push(line)) }
}

describe("forked fibers", () => {
  it("run when their parent waits, or at once when asked to", () => {
    const { lines, say } = diary()
    Green.runSync(
      Effect.gen(function* () {
        const later = yield* Effect.forkChild(say("later"))
        const now = yield* Effect.forkChild(say("now"), { startImmediately: true })
        yield* say("parent")
        yield* Fiber.joinAll([later, now])
      })
    )
    assert.deepEqual(lines, ["now", "parent", "later"])
  })

  it("can be nested, and give their value or error to who joins them", () => {
    const depth = (levels: number): Effect.Effect<number> =>
      levels === 0
        ? Effect.as(Effect.sleep("1 millis"), 0)
        : Effect.flatMap(Effect.forkChild(depth(levels - 1)), (fiber) =>
            Effect.map(Fiber.join(fiber), (below) => below + 1)
          )
    assert.equal(Green.runSync(depth(50)), 50)
    const failing = Effect.flatMap(Effect.forkChild(Effect.fail("error")), Fiber.join)
    assert.deepEqual(Green.runSyncExit(failing), Exit.fail("error"))
  })

  it("can be 100,000 at a time", () => {
    const count = 100_000
    let ended = 0
    Green.runSync(
      Effect.forEach(
        Array.from({ length: count }),
        () =>
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => ended++)
          ),
        {
          concurrency: "unbounded",
          discard: true
        }
      )
    )
    assert.equal(ended, count)
  })

  it("run in the order of their priorities, and of one priority in the order in which they came", () => {
    const { lines, say } = diary()
    const one = (name: string, priority: number) => Effect.andThen(Effect.yieldNowWith(priority), say(name))
    Green.runSync(
      Effect.all([one("b1", 5), one("a1", 0), one("c", 9), one("b2", 5), one("z", -1), one("a2", 0)], {
        concurrency: "unbounded"
      })
    )
    assert.deepEqual(lines, ["z", "a1", "a2", "b1", "b2", "c"])
  })

  it("are interrupted when their parent ends, and it waits for their finalizers", () => {
    const { lines, say } = diary()
    Green.runSync(
      Effect.gen(function* () {
        yield* Effect.forkChild(
          Effect.onInterrupt(Effect.sleep("15 seconds"), () => Effect.andThen(Effect.sleep("5 millis"), say("child"))),
          { startImmediately: true }
        )
        yield* say("parent")
      })
    )
    assert.deepEqual(lines, ["parent", "child"])
  })

  it("that are scoped end with their scope", () => {
    const { lines, say } = diary()
    Green.runSync(
      Effect.gen(function* () {
        yield* Effect.scoped(
          Effect.andThen(
            Effect.forkScoped(Effect.ensuring(Effect.sleep("15 seconds"), say("scoped")), { startImmediately: true }),
            say("body")
          )
        )
        yield* say("after")
      })
    )
    assert.deepEqual(lines, ["body", "scoped", "after"])
  })

  it("see the asynchronous context of whoever runs the program, also after waiting", () => {
    const storage = new AsyncLocalStorage<string>()
    const look = Effect.sync(() => storage.getStore())
    const seen = storage.run("caller", () =>
      Green.runSync(
        Effect.gen(function* () {
          const first = yield* look
          yield* Effect.sleep("1 millis")
          return [first, yield* look, yield* Fiber.join(yield* Effect.forkChild(look))]
        })
      )
    )
    assert.deepEqual(seen, ["caller", "caller", "caller"])
  })
})

describe("what fibers share", () => {
  it("a Deferred wakes who awaits it", () => {
    const value = Green.runSync(
      Effect.gen(function* () {
        const deferred = yield* Deferred.make<number>()
        yield* Effect.forkChild(Effect.andThen(Effect.sleep("1 millis"), Deferred.succeed(deferred, 1)))
        return yield* Deferred.await(deferred)
      })
    )
    assert.equal(value, 1)
  })

  it("a bounded Queue makes its producer wait, and loses nothing", () => {
    const count = 1000
    const taken = Green.runSync(
      Effect.gen(function* () {
        const queue = yield* Queue.bounded<number>(3)
        yield* Effect.forkChild(
          Effect.forEach(
            Array.from({ length: count }, (_, index) => index),
            (index) => Queue.offer(queue, index)
          )
        )
        return yield* Effect.forEach(Array.from({ length: count }), () => Queue.take(queue))
      })
    )
    assert.deepEqual(
      taken,
      Array.from({ length: count }, (_, index) => index)
    )
  })

  it("a Stream runs with its concurrency, its merges and its time", () => {
    const doubled = Green.runSync(
      Stream.range(1, 50).pipe(
        Stream.mapEffect((number) => Effect.as(Effect.sleep("1 millis"), number * 2), { concurrency: 10 }),
        Stream.merge(Stream.fromEffect(Effect.as(Effect.sleep("3 millis"), 0))),
        Stream.runFold(
          () => 0,
          (total, number) => total + number
        )
      )
    )
    assert.equal(doubled, 50 * 51)
  })

  it("a Semaphore lets in as many as it has permits", () => {
    const most = Green.runSync(
      Effect.gen(function* () {
        const semaphore = yield* Semaphore.make(2)
        let inside = 0
        let most = 0
        const enter = Effect.sync(() => (most = Math.max(most, ++inside)))
        const leave = Effect.sync(() => inside--)
        yield* Effect.forEach(
          Array.from({ length: 9 }),
          () => semaphore.withPermits(1)(Effect.andThen(enter, Effect.ensuring(Effect.sleep("1 millis"), leave))),
          { concurrency: "unbounded" }
        )
        return most
      })
    )
    assert.equal(most, 2)
  })

  it("a Latch lets all go when it opens", () => {
    const { lines, say } = diary()
    Green.runSync(
      Effect.gen(function* () {
        const latch = yield* Latch.make()
        const waiters = yield* Effect.forEach(["a", "b"], (name) => Effect.forkChild(latch.whenOpen(say(name))))
        yield* Effect.yieldNow
        yield* say("opened")
        yield* latch.open
        yield* Fiber.joinAll(waiters)
      })
    )
    assert.deepEqual(lines, ["opened", "a", "b"])
  })
})

describe("interruption and finalizers", () => {
  it("a fiber that waits for a descriptor is interrupted at once, and leaves nothing registered", () => {
    const [exit, during, after] = Green.runSync(
      Effect.scoped(
        Effect.gen(function* () {
          const { reader, writer } = yield* FdIo.makePipe
          yield* WaitFd.lease(writer)
          const lease = yield* WaitFd.lease(reader)
          const waiter = yield* Effect.forkChild(lease.wait("read"), { startImmediately: true })
          const during = yield* WaitFd.statistics
          yield* Fiber.interrupt(waiter)
          return [yield* Fiber.await(waiter), during, yield* WaitFd.statistics]
        })
      )
    )
    assert.isTrue(Exit.hasInterrupts(exit))
    assert.deepEqual(during, { readers: 1, writers: 0, descriptors: 1 })
    assert.deepEqual(after, { readers: 0, writers: 0, descriptors: 0 })
  })

  it("a finalizer may sleep and wait for descriptors", () => {
    const { lines, say } = diary()
    Green.runSync(
      Effect.scoped(
        Effect.gen(function* () {
          const [one, other] = yield* FdIo.makeSocketPair
          const end = yield* WaitFd.lease(one)
          const peer = yield* WaitFd.lease(other)
          const farewell = Effect.gen(function* () {
            yield* Effect.sleep("2 millis")
            yield* FdIo.write(peer, Uint8Array.of(1))
            yield* end.wait("read")
            yield* say("farewell")
          })
          const fiber = yield* Effect.forkChild(
            Effect.onInterrupt(Effect.sleep("15 seconds"), () => Effect.orDie(farewell)),
            { startImmediately: true }
          )
          yield* Fiber.interrupt(fiber)
          yield* say("interrupted")
        })
      )
    )
    assert.deepEqual(lines, ["farewell", "interrupted"])
  })

  it("a scope releases in the opposite order, when the program fails and when it dies", () => {
    for (const outcome of [Effect.fail("error"), Effect.die("defect")]) {
      const { lines, say } = diary()
      const exit = Green.runSyncExit(
        Effect.scoped(
          Effect.gen(function* () {
            yield* Effect.acquireRelease(say("open a"), () => Effect.andThen(Effect.sleep("1 millis"), say("close a")))
            yield* Effect.acquireRelease(say("open b"), () => say("close b"))
            yield* Effect.sleep("1 millis")
            return yield* outcome
          })
        )
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.deepEqual(lines, ["open a", "open b", "close b", "close a"])
    }
  })
})

describe("fibers that the program leaves behind", () => {
  it("are interrupted, and their finalizers awaited", () => {
    const { lines, say } = diary()
    const value = Green.runSync(
      Effect.gen(function* () {
        yield* Effect.forkDetach(
          Effect.ensuring(Effect.sleep("15 seconds"), Effect.andThen(Effect.sleep("5 millis"), say("closed"))),
          { startImmediately: true }
        )
        yield* say("over")
        return 1
      })
    )
    assert.equal(value, 1)
    assert.deepEqual(lines, ["over", "closed"])
  })

  it("are interrupted as well when they were only forked, or forked by one who was left behind", () => {
    const { lines, say } = diary()
    const guarded = (name: string, effect: Effect.Effect<unknown>) => Effect.ensuring(effect, say(name))
    Green.runSync(
      Effect.gen(function* () {
        const second = Effect.forkDetach(guarded("second", Effect.sleep("15 seconds")))
        const third = Effect.forkDetach(guarded("third", Effect.never))
        yield* Effect.forkDetach(
          guarded("first", Effect.andThen(second, Effect.ensuring(Effect.sleep("15 seconds"), third)))
        )
      })
    )
    assert.sameMembers(lines, ["first", "second", "third"])
  })

  it("may use in their finalizers what forks: time-outs, races, concurrency", () => {
    const { lines, say } = diary()
    const farewell = Effect.gen(function* () {
      yield* Effect.timeout(Effect.sleep("5 millis"), "10 seconds")
      yield* Effect.all([Effect.sleep("1 millis"), Effect.yieldNow], { concurrency: 2 })
      yield* say("closed")
    })
    Green.runSync(Effect.forkDetach(Effect.ensuring(Effect.never, Effect.orDie(farewell)), { startImmediately: true }))
    assert.deepEqual(lines, ["closed"])
  })

  it("are waited for when they cannot be interrupted, and given up when nothing can end them", () => {
    const { lines, say } = diary()
    Green.runSync(
      Effect.gen(function* () {
        yield* Effect.forkDetach(Effect.andThen(Effect.sleep("5 millis"), say("saved")), { uninterruptible: true })
        yield* Effect.forkDetach(Effect.never, { uninterruptible: true })
      })
    )
    assert.deepEqual(lines, ["saved"])
  })

  it("do not change the result, however they end", () => {
    const program = Effect.gen(function* () {
      yield* Effect.forkDetach(Effect.die("defect"))
      yield* Effect.forkDetach(Effect.ensuring(Effect.never, Effect.die("defect of a finalizer")))
      return "result"
    })
    assert.deepEqual(Green.runSyncExit(program), Exit.succeed("result"))
  })
})
