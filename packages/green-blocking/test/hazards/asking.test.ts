/** Jobs that compute, or wait by themselves, and ask whether they are interrupted. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import { green, GreenWorkers } from "green-blocking"
import { InThread } from "green-blocking/testing"
import { MustBeInGreenlet, performing, WaitInterrupted } from "green-blocking/worker"
import { forever as runForever } from "../fixtures/contextJobs.ts"
import { ContextOps, SharedLocale } from "../fixtures/contextOps.ts"
import { Kept } from "../support/telemetry.ts"
import { statistics, until } from "../support/workers.ts"

const url = new URL("../fixtures/contextJobs.ts", import.meta.url)
const load = () => import("../fixtures/contextJobs.ts")
const jobs = {
  "a loop that reads performing.interrupted": green(load, url, "loopForever"),
  "a loop that calls performing.check": green(load, url, "checkForever"),
  "a program that sleeps, within performing.interruptible": green(load, url, "forever"),
  "a program that yields performing.checkpoint": green(load, url, "stepForever")
}
const openSpans = green(load, url, "openSpans")
const seen = green(load, url, "seen")

const Handlers = ContextOps.toLayer({
  Seen: () => Effect.succeed({ spans: [], annotations: {}, locale: "" }),
  Traced: () => Effect.void,
  Get: ({ key }) => Effect.succeed(key),
  Count: () => Stream.empty,
  Die: () => Effect.void
})

// The grace is so long that a job which does not notice would time the test out.
const workers = Layer.provide(GreenWorkers.layer(ContextOps, { size: 1, grace: "1 hour" }), Handlers)
const killing = Layer.provide(GreenWorkers.layer(ContextOps, { size: 1, grace: 0 }), Handlers)

describe("a job that is interrupted", () => {
  for (const [name, job] of Object.entries(jobs)) {
    it.live(`ends by itself: ${name}`, () =>
      Effect.gen(function* () {
        yield* seen()
        const fiber = yield* Effect.forkChild(job())
        yield* until(({ running }) => running === 1)
        yield* Fiber.interrupt(fiber)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
        assert.deepStrictEqual((yield* statistics).started, 1)
        yield* seen()
      }).pipe(Effect.provide(workers))
    )
  }

  it.live("and killed has told all that it told before, and its spans end as interrupted", () => {
    const kept = new Kept()
    return Effect.gen(function* () {
      yield* seen()
      const fiber = yield* Effect.forkChild(openSpans())
      yield* Effect.whileLoop({
        while: () => kept.logs.length === 0,
        body: () => Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1))),
        step: () => {}
      })
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(kept.tree, ["outer", "outer > inner"])
      const statuses = kept.spans.map(({ status }) => status._tag === "Ended" && Exit.hasInterrupts(status.exit))
      assert.deepStrictEqual(statuses, [true, true])
      assert.deepStrictEqual(
        kept.logs.map(({ message, span }) => [message, span]),
        [[["spinning"], "inner"]]
      )
    }).pipe(kept.watch, Effect.provideService(References.MinimumLogLevel, "All"), Effect.provide(killing))
  })
})

describe("performing, where no job runs", () => {
  const uses = {
    interrupted: () => performing.interrupted,
    check: () => performing.check(),
    checkpoint: () => Effect.runSync(performing.checkpoint),
    span: () => performing.span,
    annotations: () => performing.annotations,
    get: () => performing.get(SharedLocale),
    log: () => performing.log("nobody hears"),
    withSpan: () => performing.withSpan("none", () => 1),
    annotateSpan: () => performing.annotateSpan("key", 1)
  }
  for (const [name, use] of Object.entries(uses)) {
    it(`${name} throws MustBeInGreenlet, which names it`, () => {
      assert.throws(use, MustBeInGreenlet, `performing.${name} was performed where no job runs`)
    })
  }
})

it.effect("performing.check does nothing in a job that goes on, nor does performing.interruptible", () =>
  Effect.gen(function* () {
    const value = yield* InThread.run(ContextOps, () => {
      performing.check()
      return Effect.runSync(performing.interruptible(Effect.succeed(performing.interrupted)))
    })
    assert.strictEqual(value, false)
    assert.throws(runForever, MustBeInGreenlet)
    assert.include(new WaitInterrupted({ operation: "x" }).message, "interrupted")
  }).pipe(Effect.provide(Handlers))
)
