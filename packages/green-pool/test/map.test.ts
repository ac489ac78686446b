import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { GreenLocal, Greenlet } from "green-core"
import { GreenPool, type Input, SourceError } from "green-pool"
import { makeGate, Meter, turns } from "./support/gate.ts"

const numbers = [1, 2, 3, 4, 5, 6, 7]

/** The kinds of input, each of the same numbers. */
const inputs = {
  array: () => numbers,
  "set, an iterable": () => new Set(numbers),
  async *"async iterable"() {
    for (const n of numbers) {
      await Promise.resolve()
      yield n
    }
  },
  stream: () => Stream.fromIterable(numbers)
} satisfies Record<string, () => Input>

/** The later it starts, the sooner it ends. */
const work = (n: number) =>
  Effect.gen(function* () {
    for (let turn = n; turn < 8; turn++) yield* Effect.yieldNow
    return n * n
  })

describe.each(Object.entries(inputs))("from %s", (_, input) => {
  it.effect("map gives the results in the order of the items", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 3 })
      const meter = new Meter()
      const results = yield* pool.map(input(), (n) => meter.counted(work(n)))
      assert.deepStrictEqual(
        results,
        numbers.map((n) => n * n)
      )
      assert.strictEqual(meter.most, 3)
      assert.deepStrictEqual([pool.running, pool.queued], [0, 0])
    })
  )

  it.effect("imap gives them in the order of the items, imapUnordered as they come", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 3 })
      const squares = numbers.map((n) => n * n)
      assert.deepStrictEqual(yield* Stream.runCollect(pool.imap(input(), work)), squares)
      const unordered = yield* Stream.runCollect(pool.imapUnordered(input(), work))
      assert.notDeepEqual(unordered, squares)
      assert.deepStrictEqual(
        unordered.toSorted((a, b) => a - b),
        squares
      )
      assert.deepStrictEqual([pool.running, pool.queued], [0, 0])
    })
  )

  it.effect("with discard map gives nothing; the index counts the items", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      const seen: Array<readonly [number, number]> = []
      const result = yield* pool.map(input(), (n, index) => Effect.sync(() => seen.push([n, index])), { discard: true })
      assert.isUndefined(result)
      assert.deepStrictEqual(
        seen,
        numbers.map((n, index) => [n, index] as const)
      )
    })
  )
})

describe("map", () => {
  it.effect("the first failure interrupts the others, waits for their end, closes the input, and is the failure", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 3 })
      const interrupted: Array<number> = []
      let closed = false
      function* source() {
        try {
          yield* numbers
        } finally {
          closed = true
        }
      }
      const error = yield* Effect.flip(
        pool.map(source(), (n) =>
          n === 3
            ? Effect.andThen(Effect.yieldNow, Effect.fail("three"))
            : Effect.onInterrupt(Effect.never, () =>
                Effect.andThen(
                  turns,
                  Effect.sync(() => interrupted.push(n))
                )
              )
        )
      )
      assert.strictEqual(error, "three")
      assert.deepStrictEqual(interrupted, [1, 2])
      assert.isTrue(closed)
      assert.deepStrictEqual([pool.running, pool.queued], [0, 0])
    })
  )

  it.effect("a work function that throws is a defect", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      const exit = yield* Effect.exit(
        pool.map([1], (): Effect.Effect<never> => {
          throw new Error("thrown")
        })
      )
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    })
  )

  it.effect("interrupted, it interrupts its items and waits for their end", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 2 })
      const interrupted: Array<number> = []
      const fiber = yield* Effect.forkChild(
        pool.map(numbers, (n) =>
          Effect.onInterrupt(Effect.never, () =>
            Effect.andThen(
              turns,
              Effect.sync(() => interrupted.push(n))
            )
          )
        ),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(interrupted, [1, 2])
      assert.deepStrictEqual([pool.running, pool.queued], [0, 0])
    })
  )

  it.effect("an empty input gives an empty array", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      assert.deepStrictEqual(yield* pool.map([], Effect.succeed), [])
      assert.deepStrictEqual(yield* Stream.runCollect(pool.imap([], Effect.succeed)), [])
    })
  )

  it.effect("shares the workers with others, and waits while the queue is full, whatever the overflow", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1, capacity: 1, overflow: "fail" })
      const gate = makeGate()
      yield* pool.submit(gate.task)
      const mapped = yield* Effect.forkChild(pool.map(numbers, Effect.succeed), { startImmediately: true })
      const streamed = yield* Effect.forkChild(Stream.runCollect(pool.imap(numbers, Effect.succeed)))
      yield* turns
      assert.strictEqual(pool.queued, 1)
      gate.open(Exit.void)
      assert.deepStrictEqual(yield* Fiber.join(mapped), numbers)
      assert.deepStrictEqual(yield* Fiber.join(streamed), numbers)
    })
  )

  it.effect("a graceful shutdown lets the items end that were accepted, and then it fails PoolClosed", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1 })
      const gate = makeGate()
      const ended: Array<number> = []
      const fiber = yield* Effect.forkChild(
        Effect.flip(
          pool.map(numbers, (n) =>
            Effect.andThen(
              gate.task,
              Effect.sync(() => ended.push(n))
            )
          )
        ),
        { startImmediately: true }
      )
      const shutdown = yield* Effect.forkChild(pool.shutdown(), { startImmediately: true })
      gate.open(Exit.void)
      yield* Fiber.join(shutdown)
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "PoolClosed")
      assert.deepStrictEqual(ended, [1, 2, 3])
    })
  )

  it.effect("each item is a greenlet of its own", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      const local = GreenLocal.make({ initial: () => 0 })
      const seen = yield* pool.map([1, 2, 3], (n) =>
        Effect.gen(function* () {
          yield* local.update((value) => value + n)
          yield* Effect.yieldNow
          return [yield* local.get, (yield* Greenlet.current).parent === Greenlet.main] as const
        })
      )
      assert.deepStrictEqual(seen, [
        [1, true],
        [2, true],
        [3, true]
      ])
    })
  )
})

describe("imap", () => {
  it.effect("reads nothing before somebody asks, and never more than two items more than there are workers ahead", () =>
    Effect.gen(function* () {
      for (const maxWorkers of [1, 2, 5]) {
        for (const method of ["imap", "imapUnordered"] as const) {
          const pool = yield* GreenPool.make({ maxWorkers })
          let read = 0
          let given = 0
          let most = 0
          function* endless() {
            for (;;) {
              most = Math.max(most, ++read - given)
              yield read
            }
          }
          const stream = pool[method](endless(), (n) => Effect.as(Effect.yieldNow, n))
          yield* turns
          assert.strictEqual(read, 0)
          yield* stream.pipe(
            Stream.take(100),
            Stream.runForEach(() =>
              Effect.andThen(
                turns,
                Effect.sync(() => given++)
              )
            )
          )
          assert.strictEqual(given, 100)
          assert.isAtLeast(most, maxWorkers)
          assert.isAtMost(most, maxWorkers + 2)
          assert.deepStrictEqual([pool.running, pool.queued], [0, 0])
        }
      }
    })
  )

  it.effect("map reads no more than two items more than there are workers ahead, of an endless input too", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 3 })
      let read = 0
      function* endless() {
        for (;;) yield ++read
      }
      const gate = makeGate()
      const fiber = yield* Effect.forkChild(
        pool.map(endless(), () => gate.task),
        { startImmediately: true }
      )
      yield* turns
      assert.strictEqual(read, 5)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("the failure of an item comes in its place, and ends the stream", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 3 })
      const given: Array<number> = []
      const stream = pool.imap(numbers, (n) => (n === 4 ? Effect.fail("four") : work(n)))
      const error = yield* Effect.flip(Stream.runForEach(stream, (square) => Effect.sync(() => given.push(square))))
      assert.strictEqual(error, "four")
      assert.deepStrictEqual(given, [1, 4, 9])
      assert.deepStrictEqual([pool.running, pool.queued], [0, 0])
    })
  )

  it.effect("with exits each item gives its Exit, and the stream goes on", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 2 })
      const odd = (n: number) => (n % 2 === 0 ? Effect.fail(n) : Effect.succeed(n))
      const expected = [Exit.succeed(1), Exit.fail(2), Exit.succeed(3)]
      assert.deepStrictEqual(yield* Stream.runCollect(pool.imap([1, 2, 3], odd, { exits: true })), expected)
      assert.deepStrictEqual(yield* Stream.runCollect(pool.imapUnordered([1, 2, 3], odd, { exits: true })), expected)
    })
  )

  it.effect("a consumer that leaves interrupts what runs, and closes the input", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 3 })
      let closed = false
      const interrupted: Array<number> = []
      async function* source() {
        try {
          yield* numbers
        } finally {
          closed = true
        }
      }
      const stream = pool.imap(source(), (n) =>
        n === 1 ? Effect.succeed(1) : Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted.push(n)))
      )
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(stream, 1)), [1])
      assert.isAtMost(interrupted.length, 3)
      assert.isTrue(closed)
      assert.deepStrictEqual([pool.running, pool.queued], [0, 0])
    })
  )

  it.effect("a slow input does not hold back results that are there", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 3 })
      const gate = makeGate<number>()
      const source = Stream.concat(Stream.succeed(1), Stream.fromEffect(gate.task))
      for (const method of ["imap", "imapUnordered"] as const) {
        const first = yield* Stream.runCollect(Stream.take(pool[method](source, Effect.succeed), 1))
        assert.deepStrictEqual(first, [1])
      }
    })
  )
})

describe("an error in the source", () => {
  const failing = {
    *iterable() {
      yield 1
      throw new Error("source")
    },
    async *"async iterable"() {
      yield 1
      throw new Error("source")
    },
    stream: () => Stream.concat(Stream.succeed(1), Stream.fail(new SourceError({ cause: new Error("source") })))
  }

  for (const [name, source] of Object.entries(failing)) {
    it.effect(`reaches the consumer: ${name}`, () =>
      Effect.gen(function* () {
        const pool = yield* GreenPool.make({ maxWorkers: 2 })
        const given: Array<number> = []
        const note = (n: number) => Effect.sync(() => given.push(n))
        const errors = [
          yield* Effect.flip(pool.map(source(), Effect.succeed)),
          yield* Effect.flip(Stream.runForEach(pool.imap(source(), Effect.succeed), note)),
          yield* Effect.flip(Stream.runForEach(pool.imapUnordered(source(), Effect.succeed), note))
        ]
        for (const error of errors) {
          assert.instanceOf(error, SourceError)
          assert.include(error.message, "source")
        }
        assert.deepStrictEqual(given, [1, 1])
        assert.deepStrictEqual([pool.running, pool.queued], [0, 0])
      })
    )
  }
})
