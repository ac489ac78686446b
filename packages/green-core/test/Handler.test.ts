/** The contract of a clause, seen from both sides. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { Handler } from "green-core"

const Label = Context.Reference<string>("test/Label", { defaultValue: () => "nobody" })

/** A clause that answers when the test says so, and remembers what it was asked. */
const scripted = () => {
  const asked: Array<{
    readonly request: string
    readonly resume: Handler.Resume<string, string>
    readonly label: string
  }> = []
  let withdrawn = 0
  const clause: Handler.Clause<string, string, string> = (request, resume, context) => {
    asked.push({ request, resume, label: Context.get(context, Label) })
    return () => void withdrawn++
  }
  return {
    clause,
    asked,
    get withdrawn() {
      return withdrawn
    },
    answer: (exit: Exit.Exit<string, string>, index = 0) => asked[index]?.resume(exit)
  }
}

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("Handler.perform", () => {
  it.effect("suspends the fiber until resume, and gives the value or the failure", () =>
    Effect.gen(function* () {
      for (const exit of [Exit.succeed("answer"), Exit.fail("error"), Exit.die("defect")]) {
        const script = scripted()
        const fiber = yield* start(Handler.perform(script.clause, "request"))
        assert.strictEqual(script.asked[0]?.request, "request")
        assert.isUndefined(fiber.pollUnsafe())
        script.answer(exit)
        assert.deepStrictEqual(yield* Fiber.await(fiber), exit)
        assert.strictEqual(script.withdrawn, 0, "an answered request is not withdrawn")
      }
    })
  )

  it.effect("ignores a second resume", () =>
    Effect.gen(function* () {
      const script = scripted()
      const fiber = yield* start(Handler.perform(script.clause, "request"))
      script.answer(Exit.succeed("first"))
      script.answer(Exit.succeed("second"))
      assert.strictEqual(yield* Fiber.join(fiber), "first")
    })
  )

  it.effect("withdraws the request at once when it is interrupted, and ignores a resume after", () =>
    Effect.gen(function* () {
      const script = scripted()
      const fiber = yield* start(Handler.perform(script.clause, "request"))
      fiber.interruptUnsafe()
      assert.strictEqual(script.withdrawn, 1)
      script.answer(Exit.succeed("too late"))
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      assert.strictEqual(script.withdrawn, 1)
    })
  )

  it.effect("does not suspend the fiber when the clause resumes within the call", () =>
    Effect.gen(function* () {
      const program = Handler.perform<string, string, never>((request, resume) => {
        resume(Exit.succeed(request.toUpperCase()))
        resume(Exit.succeed("second"))
        return Handler.nothingToWithdraw
      }, "request")
      const fiber = yield* start(program)
      assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed("REQUEST"))
    })
  )

  it.effect("gives the clause the context of its caller", () =>
    Effect.gen(function* () {
      const script = scripted()
      yield* start(Effect.provideService(Handler.perform(script.clause, "request"), Label, "caller"))
      assert.strictEqual(script.asked[0]?.label, "caller")
    })
  )

  it.effect("asks anew each time that it is performed", () =>
    Effect.gen(function* () {
      const script = scripted()
      const program = Handler.perform(script.clause, "request")
      assert.strictEqual(script.asked.length, 0)
      const fibers = [yield* start(program), yield* start(program)]
      script.answer(Exit.succeed("two"), 1)
      script.answer(Exit.succeed("one"), 0)
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["one", "two"])
    })
  )
})

describe("Handler.clause", () => {
  const context = Context.make(Label, "caller")

  it("runs the Effect with the context of the caller, and resumes with its exit", () => {
    const exits: Array<Exit.Exit<string, string>> = []
    const labelled = Handler.clause((request: string) => Effect.map(Label, (label) => `${request} of ${label}`))
    labelled("request", (exit) => exits.push(exit), context)
    Handler.clause((request: string) => Effect.fail(request))("error", (exit) => exits.push(exit), context)
    assert.deepStrictEqual(exits, [Exit.succeed("request of caller"), Exit.fail("error")])
  })

  it.effect("interrupts the Effect when the request is withdrawn, and does not resume", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<void>()
      let resumed = 0
      const never = Handler.clause((_: string) =>
        Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
      )
      const withdraw = never("request", () => resumed++, context)
      withdraw()
      withdraw()
      yield* Deferred.await(interrupted)
      yield* Effect.yieldNow
      assert.strictEqual(resumed, 0)
    })
  )

  it.effect("is what perform performs: the caller's interruption interrupts the Effect", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<void>()
      const never = Handler.clause((_: string) =>
        Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
      )
      const fiber = yield* start(Handler.perform(never, "request"))
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(interrupted)
    })
  )
})

describe("Handler.once", () => {
  const context = Context.empty()

  it("lets only the first resume through", () => {
    const script = scripted()
    const exits: Array<Exit.Exit<string, string>> = []
    Handler.once(script.clause)("request", (exit) => exits.push(exit), context)
    script.answer(Exit.succeed("first"))
    script.answer(Exit.fail("second"))
    assert.deepStrictEqual(exits, [Exit.succeed("first")])
  })

  it("lets no resume through after the withdrawal, and withdraws once", () => {
    const script = scripted()
    const exits: Array<Exit.Exit<string, string>> = []
    const withdraw = Handler.once(script.clause)("request", (exit) => exits.push(exit), context)
    withdraw()
    withdraw()
    script.answer(Exit.succeed("too late"))
    assert.deepStrictEqual(exits, [])
    assert.strictEqual(script.withdrawn, 1)
  })

  it("does not withdraw what was answered", () => {
    const script = scripted()
    const withdraw = Handler.once(script.clause)("request", () => {}, context)
    script.answer(Exit.succeed("answer"))
    withdraw()
    assert.strictEqual(script.withdrawn, 0)
  })
})
