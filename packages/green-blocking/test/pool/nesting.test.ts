/** Jobs that perform operations whose handlers run jobs: no pool is too small for them. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { green, type JobError } from "green-blocking"
import { turnsOfTheLoop } from "green-core/testing"
import { causeOf, reasonOf } from "../support/reason.ts"
import { makeWords, reaches, read, tell, Word } from "../support/words.ts"
import {
  add,
  ask,
  askAfterTimeout,
  nested,
  OtherWorkers,
  otherWorkers,
  spin,
  statistics,
  stubborn,
  until,
  workers
} from "../support/workers.ts"

const askInOther = green(
  () => import("../fixtures/hazards/performing.ts"),
  new URL("../fixtures/hazards/performing.ts", import.meta.url),
  "ask",
  { workers: OtherWorkers }
)

/** Each job asks, and the answer is another job, so deep. */
const down = (n: number): Effect.Effect<number> =>
  n === 0 ? Effect.succeed(0) : Effect.map(nested(ask(n - 1)), (below) => below + 1)

describe("a job within a handler of a job", () => {
  it.live("and so on, to a depth of ten, ends in a pool of one", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* ask(9), 9)
      const { started, ...rest } = yield* statistics
      assert.deepStrictEqual(rest, { size: 1, threads: 1, idle: 1, running: 0, queued: 0, stuck: 0 })
      assert.strictEqual(started, 10)
    }).pipe(Effect.provide(workers({ size: 1 }, { Ask: down })))
  )

  it.live("fails NestedTooDeep when it is deeper than the pool allows, at once and with no thread", () =>
    Effect.gen(function* () {
      const reason = yield* reasonOf(ask(9))
      assert.strictEqual(reason._tag, "Threw")
      assert.match(causeOf(reason), /deep; end the recursion, or raise maxDepth of the pool/)
      assert.strictEqual((yield* statistics).started, 3)
      assert.strictEqual(yield* ask(2), 2)
    }).pipe(Effect.provide(workers({ size: 1, maxDepth: 3 }, { Ask: down })))
  )

  it.live("beside another one takes its turn in the one slot that the job lends them", () =>
    Effect.gen(function* () {
      const [first, second] = [makeWords(), makeWords()]
      const Ask = () =>
        Effect.gen(function* () {
          const both = yield* Effect.forkChild(
            Effect.all([nested(spin(first)), nested(spin(second))], { concurrency: "unbounded", discard: true })
          )
          yield* reaches(first, Word.begun)
          const { queued, running } = yield* nested(statistics)
          assert.deepStrictEqual({ queued, running }, { queued: 1, running: 2 })
          assert.strictEqual(read(second, Word.begun), 0)
          tell(first, Word.goOn)
          yield* reaches(second, Word.begun)
          tell(second, Word.goOn)
          yield* Fiber.join(both)
          return 5
        })
      assert.strictEqual(yield* ask(1).pipe(Effect.provide(workers({ size: 1 }, { Ask }))), 5)
    })
  )

  it.live("goes before the jobs that are queued from outside", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const mayNest = yield* Deferred.make<void>()
      const order: Array<string> = []
      const Ask = () =>
        Effect.gen(function* () {
          yield* Deferred.succeed(asked, undefined)
          yield* Deferred.await(mayNest)
          const sum = yield* nested(add(1, 2))
          order.push("nested")
          return sum
        })
      yield* Effect.gen(function* () {
        const outer = yield* Effect.forkChild(ask(1))
        yield* Deferred.await(asked)
        const queued = yield* Effect.forkChild(
          Effect.tap(add(3, 4), () => Effect.sync(() => order.push("queued"))),
          { startImmediately: true }
        )
        yield* Deferred.succeed(mayNest, undefined)
        assert.deepStrictEqual(yield* Effect.all([Fiber.join(outer), Fiber.join(queued)]), [3, 7])
        assert.deepStrictEqual(order, ["nested", "queued"])
      }).pipe(Effect.provide(workers({ size: 1 }, { Ask })))
    })
  )

  it.live("is interrupted with the outer one, and killed with it if it must be", () =>
    Effect.gen(function* () {
      const words = makeWords()
      yield* Effect.gen(function* () {
        const outer = yield* Effect.forkChild(ask(1))
        yield* reaches(words, Word.begun)
        yield* Fiber.interrupt(outer)
        const { queued, running, stuck } = yield* statistics
        assert.deepStrictEqual({ queued, running, stuck }, { queued: 0, running: 0, stuck: 0 })
        assert.strictEqual(yield* add(1, 2), 3)
      }).pipe(Effect.provide(workers({ size: 1, grace: 50 }, { Ask: () => nested(spin(words)) })))
      assert.strictEqual(read(words, Word.finished), 0)
    })
  )

  it.live("may go on when the outer one is killed, in the slot that it has borrowed, which then comes back", () =>
    Effect.gen(function* () {
      const [outerWords, words] = [makeWords(), makeWords()]
      // It is interrupted with the outer job, and does not end before it is let go on.
      const Never = Effect.uninterruptible(Effect.asVoid(nested(spin(words))))
      yield* Effect.gen(function* () {
        const outer = yield* Effect.forkChild(stubborn(outerWords))
        yield* reaches(words, Word.begun)
        const interrupting = yield* Effect.forkChild(Fiber.interrupt(outer), { startImmediately: true })
        yield* until(({ running }) => running === 1)
        const queued = yield* Effect.forkChild(add(1, 2), { startImmediately: true })
        assert.strictEqual((yield* statistics).queued, 1)
        tell(words, Word.goOn)
        assert.strictEqual(yield* Fiber.join(queued), 3)
        yield* Fiber.join(interrupting)
        assert.strictEqual(read(words, Word.finished), 1)
      }).pipe(Effect.provide(workers({ size: 1, grace: 20 }, { Never })))
    })
  )

  it.live("may run a job after it was killed itself, in the slot of those above", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const asked = yield* Deferred.make<void>()
      const sum = yield* Deferred.make<number>()
      // It is interrupted with its job, and goes on when that one has been killed.
      const Never = Deferred.succeed(asked, undefined).pipe(
        Effect.andThen(until(({ running }) => running === 1)),
        Effect.andThen(add(2, 3)),
        nested,
        Effect.flatMap((five) => Deferred.succeed(sum, five)),
        Effect.asVoid,
        Effect.uninterruptible
      )
      const Ask = () =>
        Effect.gen(function* () {
          const inner = yield* Effect.forkChild(nested(stubborn(words)))
          yield* Deferred.await(asked)
          yield* Fiber.interrupt(inner)
          return 6
        })
      assert.strictEqual(yield* ask(1).pipe(Effect.provide(workers({ size: 1, grace: 20 }, { Ask, Never }))), 6)
      assert.strictEqual(yield* Deferred.await(sum), 5)
    })
  )

  it.live("that is ended by a time-out is nothing to the outer one", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const Ask = () => nested(Effect.as(Effect.ignore(Effect.timeout(spin(words), 50)), 6))
      assert.strictEqual(yield* ask(1).pipe(Effect.provide(workers({ size: 1, grace: 20 }, { Ask }))), 6)
    })
  )

  it.live("that was asked for while the outer one computed begins when that one waits", () =>
    Effect.gen(function* () {
      const words = makeWords()
      const begin = yield* Deferred.make<void>()
      const sum = yield* Deferred.make<number, JobError>()
      const ended = yield* Deferred.make<void>()
      // A fiber that outlives the operation, and runs a job later; the next operation is to wait for it.
      const Other = () =>
        Effect.gen(function* () {
          const job = Effect.andThen(Deferred.await(begin), nested(add(2, 3)))
          yield* Effect.forkDetach(Deferred.complete(sum, job), { startImmediately: true })
          return yield* Effect.onExit(Effect.never, () => Deferred.succeed(ended, undefined))
        })
      const Ask = () => Effect.orDie(Deferred.await(sum))
      yield* Effect.gen(function* () {
        const outer = yield* Effect.forkChild(askAfterTimeout(words, 1))
        yield* reaches(words, Word.begun)
        // The word of the worker is faster than its message: the operation has been taken back when its handler has
        // ended, and the fiber of the handler after that.
        yield* Deferred.await(ended)
        yield* turnsOfTheLoop
        yield* Deferred.succeed(begin, undefined)
        yield* until(({ queued }) => queued === 1)
        tell(words, Word.goOn)
        assert.strictEqual(yield* Fiber.join(outer), 5)
      }).pipe(Effect.provide(workers({ size: 1 }, { Other, Ask })))
    })
  )

  it.live("leaves a pool with no more threads than its size", () =>
    Effect.gen(function* () {
      const jobs = Array.from({ length: 4 }, () => ask(3))
      assert.deepStrictEqual(yield* Effect.all(jobs, { concurrency: "unbounded" }), [3, 3, 3, 3])
      const { idle, threads } = yield* statistics
      assert.deepStrictEqual({ idle, threads }, { idle: 2, threads: 2 })
    }).pipe(Effect.provide(workers({ size: 2 }, { Ask: down })))
  )
})

describe("two pools of one whose jobs call each other", () => {
  it.live("end, to a depth of ten", () =>
    Effect.gen(function* () {
      const first = (n: number): Effect.Effect<number> =>
        n === 0 ? Effect.succeed(0) : Effect.map(nested(askInOther(n - 1)), plus)
      const second = (n: number): Effect.Effect<number> =>
        n === 0 ? Effect.succeed(0) : Effect.map(nested(ask(n - 1)), plus)
      const both = Layer.merge(workers({ size: 1 }, { Ask: first }), otherWorkers({ size: 1 }, { Ask: second }))
      assert.strictEqual(yield* ask(9).pipe(Effect.provide(both)), 9)
    })
  )
})

const plus = (n: number): number => n + 1
