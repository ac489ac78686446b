/** How handlers of `wait` are built and interposed upon, and what its errors say; the rest are laws. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Green, Handler, Wait, wait, WaitError } from "green-core"

const Label = Context.Reference<string>("test/Label", { defaultValue: () => "nobody" })

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** A handler in which no promise ever settles, and that remembers what it was asked. */
const deaf = () => {
  const asked: Array<string> = []
  let withdrawn = 0
  const handler = Wait.fromClause((request) => {
    asked.push(request._tag)
    return () => void withdrawn++
  })
  return {
    handler,
    asked,
    get withdrawn() {
      return withdrawn
    }
  }
}

describe("wait", () => {
  it.effect("asks the handler about functions, promises and callbacks, and about nothing else", () => {
    const { handler, asked } = deaf()
    return Effect.gen(function* () {
      yield* start(wait(() => 1))
      yield* start(wait(Promise.resolve(1)))
      yield* start(wait.callback(() => {}))
      assert.deepStrictEqual(asked, ["Function", "Promise", "Callback"])
      yield* wait(1)
      yield* wait(Effect.succeed(1))
      yield* wait(yield* start(Effect.succeed(1)))
      assert.deepStrictEqual(asked, ["Function", "Promise", "Callback"])
    }).pipe(Effect.provideService(Wait, handler))
  })

  it.effect("performs the tag of a service, which is an Effect, and does not call it", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* wait(Label), "nobody")
      assert.strictEqual(typeof (yield* wait(Wait)).register, "function")
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("calls a function with a signal that has not aborted, whether it declares one or not", () =>
    Effect.gen(function* () {
      function undeclared(...given: ReadonlyArray<unknown>) {
        return given
      }
      for (const called of [undeclared, (signal: AbortSignal) => [signal]]) {
        const [signal, ...more] = yield* wait(called)
        assert.isTrue(signal instanceof AbortSignal && !signal.aborted)
        assert.deepStrictEqual(more, [])
      }
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("aborts the request that the signal was given to", () =>
    Effect.gen(function* () {
      const aborted = Promise.withResolvers<unknown>()
      const waiter = yield* start(
        wait(
          (signal) =>
            new Promise((_, reject) => {
              signal.addEventListener("abort", () => {
                reject(signal.reason)
                aborted.resolve(signal.reason)
              })
            })
        )
      )
      yield* Fiber.interrupt(waiter)
      const reason = yield* wait(aborted.promise)
      assert.isTrue(reason instanceof DOMException && reason.name === "AbortError")
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("is limited by Effect.timeout, on the clock of the program", () =>
    Effect.gen(function* () {
      let signal: AbortSignal | undefined
      const endless = wait((given) => {
        signal = given
        return new Promise<never>(() => {})
      })
      const waiter = yield* start(Effect.timeoutOption(endless, "1 hour"))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* Fiber.join(waiter))._tag, "None")
      assert.strictEqual(signal?.aborted, true)
    }).pipe(Effect.provide(Green.layer))
  )
})

describe("WaitError", () => {
  it("says what was wrong, keeps the cause, and can be caught by its reason", () => {
    const cause = new Error("no such user")
    const rejected = new WaitError({ reason: { _tag: "Rejected", cause } })
    assert.strictEqual(rejected.message, "wait: rejected: no such user")
    assert.strictEqual(rejected.cause, cause)
    const refused = new WaitError({ reason: { _tag: "CannotBlockOn", what: "promise" } })
    assert.match(refused.message, /the promise can never settle; run the program on the event loop \(Green\.layer\)/)
    assert.isUndefined(refused.cause)
    const caught = Effect.fail(rejected).pipe(
      Effect.catchReason("WaitError", "Rejected", (reason) => Effect.succeed(reason.cause))
    )
    assert.strictEqual(Effect.runSync(caught), cause)
  })
})

describe("Wait.fromClause", () => {
  it.effect("withdraws a request whose fiber is interrupted", () => {
    const script = deaf()
    return Effect.gen(function* () {
      const waiter = yield* start(wait(Promise.resolve(1)))
      yield* Fiber.interrupt(waiter)
      assert.strictEqual(script.withdrawn, 1)
    }).pipe(Effect.provideService(Wait, script.handler))
  })

  it.effect("takes a handler of a few lines: one that answers promises from a table", () => {
    const cassette = Wait.fromClause((request, resume) => {
      resume(
        request._tag === "Callback"
          ? Exit.die(new Error("nothing was recorded"))
          : Exit.fail(new WaitError({ reason: { _tag: "Rejected", cause: `recorded for ${request._tag}` } }))
      )
      return Handler.nothingToWithdraw
    })
    return Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(wait(() => 1))).cause, "recorded for Function")
      assert.strictEqual((yield* Effect.flip(wait(Promise.resolve(1)))).cause, "recorded for Promise")
    }).pipe(Effect.provideService(Wait, cassette))
  })
})

describe("Wait.around", () => {
  const over = (layer: Layer.Layer<Wait, never, Wait>) => layer.pipe(Layer.provideMerge(Green.layer))

  it.effect("sees each request and its answer, of programs and of those who register", () => {
    const trace: Array<unknown> = []
    const traced = Wait.around((request, next) =>
      Effect.onExit(next(), (exit) => Effect.sync(() => trace.push([request._tag, exit])))
    )
    return Effect.gen(function* () {
      yield* wait(() => Promise.resolve("function"))
      yield* wait(Promise.resolve("promise"))
      yield* wait.callback<string>((resume) => resume(Exit.succeed("callback")))
      const { register } = yield* Wait
      const exits: Array<unknown> = []
      register({ _tag: "Function", evaluate: () => "registered" }, (exit) => exits.push(exit), Context.empty())
      assert.deepStrictEqual(exits, [Exit.succeed("registered")])
      assert.deepStrictEqual(trace, [
        ["Function", Exit.succeed("function")],
        ["Promise", Exit.succeed("promise")],
        ["Callback", Exit.succeed("callback")],
        ["Function", Exit.succeed("registered")]
      ])
    }).pipe(Effect.provide(over(traced)))
  })

  it.effect("injects a failure, and the function is not called", () => {
    const cause = new Error("injected")
    const fault = Wait.around(() => Effect.fail(new WaitError({ reason: { _tag: "Rejected", cause } })))
    return Effect.gen(function* () {
      let called = false
      const error = yield* Effect.flip(wait(() => (called = true)))
      assert.strictEqual(error.cause, cause)
      assert.isFalse(called)
      assert.strictEqual(yield* Effect.flip(wait(Promise.resolve(1), { catch: (cause) => cause })), cause)
    }).pipe(Effect.provide(over(fault)))
  })

  it.effect("performs again: a function is tried until it succeeds", () => {
    const persistent = Wait.around((request, next) =>
      request._tag === "Function" ? Effect.retry(next(), { times: 2 }) : next()
    )
    return Effect.gen(function* () {
      let attempts = 0
      const flaky = wait(() => (++attempts < 3 ? Promise.reject(new Error("not yet")) : Promise.resolve(attempts)))
      assert.strictEqual(yield* flaky, 3)
    }).pipe(Effect.provide(over(persistent)))
  })

  it.effect("changes a request", () => {
    const deadline = AbortSignal.abort("deadline")
    const signalled = Wait.around((request, next) =>
      request._tag === "Function"
        ? next({ ...request, evaluate: (signal) => request.evaluate(AbortSignal.any([signal, deadline])) })
        : next()
    )
    return Effect.gen(function* () {
      assert.strictEqual(yield* wait((signal) => signal.reason), "deadline")
    }).pipe(Effect.provide(over(signalled)))
  })

  it.effect("runs in the fiber of the caller, and sees its context", () => {
    const seen: Array<unknown> = []
    const labelled = Wait.around((_request, next) =>
      Effect.gen(function* () {
        seen.push([yield* Label, yield* Effect.fiberId])
        return yield* next()
      })
    )
    return Effect.gen(function* () {
      yield* Effect.provideService(
        wait(() => 1),
        Label,
        "caller"
      )
      assert.deepStrictEqual(seen, [["caller", yield* Effect.fiberId]])
    }).pipe(Effect.provide(over(labelled)))
  })

  it.effect("interruption goes through it to the handler underneath", () => {
    const script = deaf()
    const through = Wait.around((_request, next) => next())
    return Effect.gen(function* () {
      const waiter = yield* start(wait(Promise.resolve(1)))
      yield* Fiber.interrupt(waiter)
      assert.strictEqual(script.withdrawn, 1)
    }).pipe(Effect.provide(Layer.provide(through, Layer.succeed(Wait, script.handler))))
  })

  it.effect("a layer value that is provided twice interposes once; two values interpose twice", () =>
    Effect.gen(function* () {
      let calls = 0
      const counting = () =>
        Wait.around((_request, next) => {
          calls++
          return next()
        })
      const once = counting()
      const program = wait(() => 1)
      yield* Effect.provide(program, once.pipe(Layer.provide(once), Layer.provide(Green.layer)))
      assert.strictEqual(calls, 1)
      yield* Effect.provide(program, counting().pipe(Layer.provide(counting()), Layer.provide(Green.layer)))
      assert.strictEqual(calls, 3)
    })
  )
})
