/** Jobs in the thread of the test: what is other than with threads. */
import { assert, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { green, GreenWorkers, JobError, WorkersOptionError } from "green-blocking"
import { InThread } from "green-blocking/testing"
import { MustBeInGreenlet, perform } from "green-blocking/worker"
import { factorial as factorialHere } from "../fixtures/nestedJobs.ts"
import { NestedOps } from "../fixtures/nestedOps.ts"
import { NotFound, PayloadOps } from "../fixtures/payloadOps.ts"
import { PayloadHandlers } from "../support/payloadHandlers.ts"

const url = new URL("../fixtures/nestedJobs.ts", import.meta.url)
const load = () => import("../fixtures/nestedJobs.ts")
const greetings = new URL("../fixtures/greetJobs.ts", import.meta.url)
const counts = green(load, url, "counts")
const factorial = green(load, url, "factorial")
const greet = green(load, url, "greet")
const sleeps = green(load, url, "sleeps")
const hello = green(() => import("../fixtures/greetJobs.ts"), greetings, "hello")

/** Handlers that run jobs in the pool of their caller. */
const handlers = (ended: Array<string> = []) =>
  NestedOps.toLayer({
    Factorial: ({ of }) => inPool(factorial(of)),
    Greet: ({ name }) => inPool(hello(name)),
    Sleeps: () =>
      Effect.onInterrupt(Effect.sleep("1 millis"), () =>
        Effect.sync(() => {
          ended.push("interrupted")
        })
      ),
    Greenlet: () =>
      Effect.sync(() => {
        try {
          perform(NestedOps).Sleeps()
          return false
        } catch (error) {
          return error instanceof MustBeInGreenlet
        }
      })
  })

let pool: GreenWorkers["Service"] | undefined
const inPool = <A, E>(job: Effect.Effect<A, E, GreenWorkers>): Effect.Effect<A> =>
  Effect.orDie(
    Effect.suspend(() => (pool === undefined ? Effect.die("no pool") : Effect.provideService(job, GreenWorkers, pool)))
  )

const withPool = (options: InThread.InThreadOptions, ended?: Array<string>) =>
  Layer.effect(
    GreenWorkers,
    Effect.map(GreenWorkers, (made) => (pool = made))
  ).pipe(Layer.provide(InThread.layer(NestedOps, options)), Layer.provide(handlers(ended)))

describe("layer", () => {
  it.effect("has no threads, and says what runs", () =>
    Effect.gen(function* () {
      const { running, started, threads } = yield* (yield* GreenWorkers).statistics
      expect({ running, started, threads }).toEqual({ running: 0, started: 0, threads: 0 })
    }).pipe(Effect.provide(withPool({})))
  )

  it.effect("runs jobs within jobs, to a depth", () =>
    Effect.gen(function* () {
      expect(yield* factorial(10)).toBe(3628800)
      const error = yield* Effect.flip(factorial(12))
      assert(error instanceof JobError && error.reason._tag === "Threw")
      expect(error.message).toContain("11 deep")
    }).pipe(Effect.provide(withPool({ maxDepth: 10 })))
  )

  it.effect("cannot load a module while a job waits", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(greet("you"))
      assert(error instanceof JobError)
      expect(error.message).toMatch(/^greet: threw: Greet: its handler waits for something/)
      expect(yield* hello("you")).toBe("hello you")
      expect(yield* greet("you")).toBe("hello you")
    }).pipe(Effect.provide(withPool({})))
  )

  it.effect("loads those first that it is told to", () =>
    Effect.gen(function* () {
      expect(yield* greet("you")).toBe("hello you")
    }).pipe(Effect.provide(withPool({ modules: [greetings] })))
  )

  const ended: Array<string> = []
  it.effect("refuses and interrupts a handler that waits", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(sleeps())
      assert(error instanceof JobError)
      expect(error.message).toMatch(/^sleeps: threw: Sleeps: its handler waits for something/)
      expect(ended).toEqual(["interrupted"])
    }).pipe(Effect.provide(withPool({}, ended)))
  )

  it.effect("gives each job a greenlet of its own, and handlers none", () =>
    Effect.gen(function* () {
      expect(yield* counts()).toEqual({ first: 0, isHandlerOutside: true })
      expect(yield* counts()).toEqual({ first: 0, isHandlerOutside: true })
    }).pipe(Effect.provide(withPool({})))
  )

  it.effect("is closed with its scope", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(withPool({}), scope)
      yield* Scope.close(scope, Exit.void)
      const error = yield* Effect.flip(Effect.provideContext(factorial(1), context))
      assert(error instanceof JobError)
      expect(error.reason._tag).toBe("Closed")
    })
  )

  it.effect("refuses options that make no sense", () =>
    Effect.gen(function* () {
      for (const [options, option] of [
        [{ maxDepth: 0 }, "maxDepth"],
        [{ modules: [new URL("./missing.ts", import.meta.url)] }, "modules"]
      ] as const) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(withPool(options))))
        assert(error instanceof WorkersOptionError)
        expect(error.option).toBe(option)
      }
    })
  )
})

describe("run", () => {
  const { Get, InterruptItself } = perform(PayloadOps)

  it("is a unit test in three lines", () => {
    const page = InThread.run(PayloadOps, () => ["a", "b"].map((key) => Get({ key })).join())
    expect(Effect.runSync(page.pipe(Effect.provide(PayloadHandlers)))).toBe("<a>,<b>")
  })

  it.effect("fails with what is declared, and with a JobError for all else", () =>
    Effect.gen(function* () {
      const declared = InThread.run(PayloadOps, () => Get({ key: "no" }), { error: NotFound })
      expect(yield* Effect.flip(declared.pipe(Effect.provide(PayloadHandlers)))).toBeInstanceOf(NotFound)
      const thrown = new TypeError("wrong")
      const undeclared = InThread.run(PayloadOps, function render() {
        throw thrown
      })
      const error = yield* Effect.flip(undeclared.pipe(Effect.provide(PayloadHandlers)))
      expect(error.message).toBe("render: threw: wrong")
      expect(error.cause).toBe(thrown)
      const interrupted = InThread.run(PayloadOps, () => InterruptItself())
      const performing = yield* Effect.flip(interrupted.pipe(Effect.provide(PayloadHandlers)))
      expect(performing.message).toContain("its handler interrupted itself")
      const promise = InThread.run(PayloadOps, (): unknown => Promise.resolve(1))
      const notSynchronous = yield* Effect.flip(promise.pipe(Effect.provide(PayloadHandlers)))
      expect(notSynchronous.reason._tag).toBe("NotSynchronous")
    })
  )

  it.effect("ends with the function: nothing can be performed after it", () =>
    Effect.gen(function* () {
      yield* InThread.run(PayloadOps, () => Get({ key: "a" })).pipe(Effect.provide(PayloadHandlers))
      expect(() => Get({ key: "a" })).toThrow(MustBeInGreenlet)
      expect(() => factorialHere(2)).toThrow(MustBeInGreenlet)
    })
  )
})
