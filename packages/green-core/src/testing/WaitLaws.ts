/**
 * The laws of `wait`, numbered as those of `waitFd` where they say the same.
 *
 * @since 0.1.0
 */
import * as Assert from "node:assert/strict"
import { AsyncLocalStorage } from "node:async_hooks"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Resume } from "../Handler.ts"
import { Wait, wait, WaitError } from "../Wait.ts"
import { type Law, maker, stackDepth, start, startMany, type Subject, waits } from "./Law.ts"

/**
 * The laws of `wait`.
 *
 * @example
 * ```ts
 * import { it } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 * import { Green } from "green-core"
 * import { turnsOfTheLoop, waitLaws } from "green-core/testing"
 *
 * const laws = waitLaws({
 *   name: "event loop",
 *   run: (program) => Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Green.layer))),
 *   settle: turnsOfTheLoop,
 *   capabilities: ["promise"]
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
export const waitLaws = (subject: Subject<Wait>): ReadonlyArray<Law> => {
  const law = maker(subject)
  const { settle } = subject

  return [
    law("4. interruption stops the wait for a callback at once, and takes it back", [], () =>
      Effect.gen(function* () {
        let withdrawn = 0
        let resume: Resume<string> | undefined
        const waiter = yield* start(
          wait.callback<string>((given) => {
            resume = given
            return () => void withdrawn++
          })
        )
        yield* settle
        waits(waiter)
        waiter.interruptUnsafe()
        Assert.equal(withdrawn, 1)
        Assert.ok(Exit.hasInterrupts(yield* Fiber.await(waiter)))
        resume?.(Exit.succeed("too late"))
        yield* settle
        Assert.equal(withdrawn, 1)
      })
    ),

    law("4. a callback that was answered is not taken back", [], () =>
      Effect.gen(function* () {
        let withdrawn = 0
        const answered = (answer: (resume: Resume<string>) => void) =>
          wait.callback<string>((resume) => {
            answer(resume)
            return () => void withdrawn++
          })
        Assert.equal(yield* answered((resume) => resume(Exit.succeed("at once"))), "at once")
        let resume: Resume<string> | undefined
        const waiter = yield* start(
          answered((given) => {
            resume = given
          })
        )
        resume?.(Exit.succeed("later"))
        Assert.equal(yield* Fiber.join(waiter), "later")
        yield* Fiber.interrupt(waiter)
        Assert.equal(withdrawn, 0)
      })
    ),

    law("4. interruption aborts the signal of a function at once", ["promise"], () =>
      Effect.gen(function* () {
        let signal: AbortSignal | undefined
        const waiter = yield* start(
          wait((given) => {
            signal = given
            return new Promise<never>(() => {})
          })
        )
        yield* settle
        waits(waiter)
        Assert.equal(signal?.aborted, false)
        waiter.interruptUnsafe()
        Assert.equal(signal?.aborted, true)
        Assert.ok(Exit.hasInterrupts(yield* Fiber.await(waiter)))
      })
    ),

    law("4. the signal of a function that was answered is not aborted", ["promise"], () =>
      Effect.gen(function* () {
        const signals: Array<AbortSignal> = []
        const kept = (signal: AbortSignal) => {
          signals.push(signal)
          return Promise.resolve("answer")
        }
        const waiter = yield* start(wait(kept))
        Assert.equal(yield* Fiber.join(waiter), "answer")
        yield* Fiber.interrupt(waiter)
        Assert.deepEqual(
          signals.map((signal) => signal.aborted),
          [false]
        )
      })
    ),

    law("4. a rejection after an interruption is dropped, and not reported as unhandled", ["promise"], () =>
      Effect.gen(function* () {
        const unhandled: Array<unknown> = []
        const listener = (cause: unknown) => void unhandled.push(cause)
        yield* Effect.acquireRelease(
          Effect.sync(() => process.on("unhandledRejection", listener)),
          () => Effect.sync(() => process.off("unhandledRejection", listener))
        )
        const [one, two] = [Promise.withResolvers<never>(), Promise.withResolvers<never>()]
        const waiters = [yield* start(wait(one.promise)), yield* start(wait(() => two.promise))]
        yield* settle
        yield* Fiber.interruptAll(waiters)
        one.reject(new Error("too late"))
        two.reject(new Error("too late"))
        yield* settle
        Assert.deepEqual(unhandled, [])
      })
    ),

    law("6. all who wait for one promise go on, in the order of waiting", ["promise"], () =>
      Effect.gen(function* () {
        const { promise, resolve } = Promise.withResolvers<string>()
        const order: Array<number> = []
        const waiters = yield* Effect.forEach([0, 1, 2, 3], (index) =>
          start(Effect.tap(wait(promise), () => Effect.sync(() => order.push(index))))
        )
        yield* settle
        for (const waiter of waiters) waits(waiter)
        resolve("value")
        Assert.deepEqual(yield* Fiber.joinAll(waiters), ["value", "value", "value", "value"])
        Assert.deepEqual(order, [0, 1, 2, 3])
      })
    ),

    law("14. a plain value is given back and does not suspend", [], () =>
      Effect.gen(function* () {
        const values = [0, "text", true, null, undefined, Symbol.iterator, 10n, { value: 1 }, [1], new Date(0)]
        for (const value of values) {
          const waiter = yield* start(wait(value))
          Assert.deepEqual(waiter.pollUnsafe(), Exit.succeed(value))
        }
      })
    ),

    law("14. an Effect is performed as it is, and a finished one does not suspend", [], () =>
      Effect.gen(function* () {
        Assert.deepEqual((yield* start(wait(Effect.succeed(1)))).pollUnsafe(), Exit.succeed(1))
        Assert.deepEqual((yield* start(wait(Effect.fail("error")))).pollUnsafe(), Exit.fail("error"))
        Assert.equal(yield* wait(Effect.as(Effect.yieldNow, 2)), 2)
        Assert.equal(yield* Effect.provideService(wait(Label), Label, "required"), "required")
      })
    ),

    law("14. a fiber is joined, and one that has ended does not suspend", [], () =>
      Effect.gen(function* () {
        const ended = yield* start(Effect.succeed(1))
        Assert.deepEqual((yield* start(wait(ended))).pollUnsafe(), Exit.succeed(1))
        const failed = yield* start(Effect.fail("error"))
        Assert.equal(yield* Effect.flip(wait(failed)), "error")
        const running = yield* start(Effect.as(Effect.yieldNow, 2))
        Assert.equal(yield* wait(running), 2)
      })
    ),

    law("14. a function that gives a value does not suspend; it is called each time it is waited for", [], () =>
      Effect.gen(function* () {
        let calls = 0
        const program = wait(() => ++calls)
        Assert.equal(calls, 0)
        Assert.deepEqual((yield* start(program)).pollUnsafe(), Exit.succeed(1))
        Assert.equal(yield* program, 2)
      })
    ),

    law("14. a promise, and a function that gives one, are waited for", ["promise"], () =>
      Effect.gen(function* () {
        const { promise, resolve } = Promise.withResolvers<string>()
        const waiters = [yield* start(wait(promise)), yield* start(wait(() => promise))]
        yield* settle
        for (const waiter of waiters) waits(waiter)
        resolve("value")
        Assert.deepEqual(yield* Fiber.joinAll(waiters), ["value", "value"])
        Assert.equal(yield* wait(promise), "value")
        Assert.equal(yield* wait((signal) => Promise.resolve(signal.aborted)), false)
        Assert.equal(yield* wait(thenable((fulfilled) => fulfilled("thenable"))), "thenable")
      })
    ),

    law("14. a callback is waited for, and the first answer counts", [], () =>
      Effect.gen(function* () {
        let resume: Resume<string, string> | undefined
        const waiting = wait.callback<string, string>((given) => {
          resume = given
        })
        const first = yield* start(waiting)
        yield* settle
        waits(first)
        resume?.(Exit.succeed("first"))
        resume?.(Exit.succeed("second"))
        Assert.equal(yield* Fiber.join(first), "first")
        const second = yield* start(waiting)
        resume?.(Exit.fail("error"))
        resume?.(Exit.succeed("second"))
        Assert.equal(yield* Effect.flip(Fiber.join(second)), "error")
        const atOnce = wait.callback<string>((given) => {
          given(Exit.succeed("first"))
          given(Exit.succeed("second"))
        })
        Assert.deepEqual((yield* start(atOnce)).pollUnsafe(), Exit.succeed("first"))
      })
    ),

    law("15. a function that throws fails with Rejected, with the original as cause", [], () =>
      Effect.gen(function* () {
        for (const cause of causes) {
          const thrower = () => {
            throw cause
          }
          rejected(yield* Effect.flip(wait(thrower)), cause)
          rejected(yield* Effect.flip(wait((_signal) => thrower())), cause)
          rejected(yield* Effect.flip(wait.callback(thrower)), cause)
        }
      })
    ),

    law("15. a rejection fails with Rejected, with the original as cause", ["promise"], () =>
      Effect.gen(function* () {
        for (const cause of causes) {
          rejected(yield* Effect.flip(wait(Promise.reject(cause))), cause)
          rejected(yield* Effect.flip(wait(() => Promise.reject(cause))), cause)
          rejected(yield* Effect.flip(wait((_signal) => Promise.reject(cause))), cause)
          rejected(yield* Effect.flip(wait(thenable((_, broken) => broken(cause)))), cause)
        }
        const thrown = new Error("then threw")
        const throwing = thenable(() => {
          throw thrown
        })
        rejected(yield* Effect.flip(wait(throwing)), thrown)
      })
    ),

    law("15. what `catch` makes of the cause is the failure", [], () =>
      Effect.gen(function* () {
        const options = { catch: (cause: unknown) => ({ caught: cause }) }
        for (const cause of causes) {
          const thrower = () => {
            throw cause
          }
          Assert.deepEqual(yield* Effect.flip(wait(thrower, options)), { caught: cause })
        }
        Assert.equal(yield* wait(() => "value", options), "value")
      })
    ),

    law("15. what `catch` makes of a rejection is the failure", ["promise"], () =>
      Effect.gen(function* () {
        const options = { catch: (cause: unknown) => ({ caught: cause }) }
        for (const cause of causes) {
          Assert.deepEqual(yield* Effect.flip(wait(Promise.reject(cause), options)), { caught: cause })
          Assert.deepEqual(yield* Effect.flip(wait(() => Promise.reject(cause), options)), { caught: cause })
        }
        Assert.equal(yield* wait(Promise.resolve("value"), options), "value")
      })
    ),

    law("15. a thread that is blocked refuses a promise with CannotBlockOn, at once", ["blocking"], () =>
      Effect.gen(function* () {
        const rejection = () => Promise.reject(new Error("nobody can wait for it, and nobody needs to handle it"))
        for (const make of [() => Promise.resolve(1), rejection]) {
          for (const program of [wait(make()), wait(make), wait((_signal) => make())]) {
            const error = yield* Effect.flip(program)
            Assert.ok(error instanceof WaitError)
            Assert.deepEqual(error.reason, { _tag: "CannotBlockOn", what: "promise" })
          }
        }
        const error = yield* Effect.flip(wait(rejection, { catch: (cause) => ({ caught: cause }) }))
        Assert.ok(error.caught instanceof WaitError && error.caught.reason._tag === "CannotBlockOn")
      })
    ),

    law("17. 20,000 waits that are answered at once do not touch the stack", [], () =>
      Effect.gen(function* () {
        const waiting = wait.callback<number>((resume) => resume(Exit.succeed(stackDepth())))
        const first = yield* waiting
        for (let step = 2; step < 20_000; step++) yield* wait.callback<void>((resume) => resume(Exit.void))
        const depth = (yield* waiting) - first
        Assert.ok(Math.abs(depth) < 100, `the stack grew by ${depth} calls`)
      })
    ),

    law("18. the continuation sees the context of its caller, and its asynchronous context", [], () =>
      Effect.gen(function* () {
        const context = yield* Effect.context<Wait>()
        const resumes: Array<Resume<unknown>> = []
        const seen = Effect.all([Label, Effect.sync(() => storage.getStore())])
        const program = Effect.gen(function* () {
          const called = yield* wait(() => storage.getStore())
          yield* wait.callback<unknown>((resume) => void resumes.push(resume))
          return [called, ...(yield* seen)]
        })
        const waiters = ["one", "two"].map((name) =>
          storage.run(name, () => Effect.runForkWith(context)(Effect.provideService(program, Label, name)))
        )
        yield* settle
        storage.run("the waker", () => {
          for (const resume of resumes) resume(Exit.void)
        })
        Assert.deepEqual(yield* Fiber.joinAll(waiters), [
          ["one", "one", "one"],
          ["two", "two", "two"]
        ])
      })
    ),

    law("19. 100,000 waiters of one promise all go on, and do not touch the stack", ["promise"], () =>
      Effect.gen(function* () {
        const { promise, resolve } = Promise.withResolvers<void>()
        const count = 100_000
        let woken = 0
        const waiting = Effect.andThen(
          wait(promise),
          Effect.sync(() => void woken++)
        )
        const waiters = yield* startMany(count, waiting)
        resolve()
        yield* Fiber.awaitAll(waiters)
        Assert.equal(woken, count)
      })
    ),

    law("22. one who registers without a fiber is answered once, and not after the withdrawal", [], () =>
      Effect.gen(function* () {
        const { register } = yield* Wait
        const context = yield* Effect.context()
        const answers: Array<unknown> = []
        const resumes: Array<Resume<string>> = []
        const ask = () =>
          register<string, never>(
            { _tag: "Callback", register: (resume) => void resumes.push(resume) },
            (exit) => answers.push(exit),
            context
          )
        const withdraw = ask()
        ask()()
        yield* settle
        for (const answer of ["first", "second"]) {
          for (const resume of resumes) resume(Exit.succeed(answer))
        }
        withdraw()
        yield* settle
        Assert.deepEqual(answers, [Exit.succeed("first")])
      })
    )
  ]
}

const causes: ReadonlyArray<unknown> = [new Error("original"), "text", undefined, null, 0]

const rejected = (error: unknown, cause: unknown): void => {
  Assert.ok(error instanceof WaitError)
  Assert.ok(error.reason._tag === "Rejected" && Object.is(error.reason.cause, cause))
  Assert.ok(Object.is(error.cause, cause))
  Assert.ok(error.message.includes(cause instanceof Error ? cause.message : String(cause)), error.message)
}

/** A promise that is none. */
const thenable = (
  settle: (fulfilled: (value: string) => void, broken: (cause: unknown) => void) => void
): PromiseLike<string> => {
  const then: PromiseLike<string>["then"] = (fulfilled, broken) => {
    settle(
      (value) => void fulfilled?.(value),
      (cause) => void broken?.(cause)
    )
    return new Promise(() => {})
  }
  // oxlint-disable-next-line unicorn/no-thenable -- that is what it is for
  return { then }
}

const Label = Context.Reference<string>("green-core/testing/Label", { defaultValue: () => "nobody" })

const storage = new AsyncLocalStorage<string>()
