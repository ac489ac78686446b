import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as Tracer from "effect/Tracer"
import { GreenPool } from "green-pool"
import { makeGate, turns } from "./support/gate.ts"

const recorded = () => {
  const spans: Array<Tracer.Span> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  return { spans, tracer }
}

describe("spans", () => {
  it.effect("a task has one, in that of its submitter and linked to it, also when the submitter's has ended", () =>
    Effect.gen(function* () {
      const { spans, tracer } = recorded()
      yield* Effect.gen(function* () {
        const pool = yield* GreenPool.make({ maxWorkers: 1, name: "mail" })
        const gate = makeGate()
        yield* pool.submit(gate.task)
        const task = yield* Effect.withSpan(pool.submit(Effect.withSpan(Effect.void, "inner")), "submitter")
        gate.open(Exit.void)
        yield* task
        yield* Effect.withSpan(pool.map([1], Effect.succeed), "mapper")
      }).pipe(Effect.withTracer(tracer))
      const submitter = spans.find(({ name }) => name === "submitter")
      const span = spans.find(({ links, name }) => name === "GreenPool.task" && links.length > 0)
      assert.isDefined(submitter)
      assert.strictEqual(span?.links[0]?.span.spanId, submitter?.spanId)
      assert.strictEqual(span?.attributes.get("pool"), "mail")
      assert.strictEqual(span?.status._tag, "Ended")
      const inner = spans.find(({ name }) => name === "inner")
      assert.isTrue(inner?.parent._tag === "Some" && inner.parent.value.spanId === span?.spanId)
      assert.strictEqual(spans.filter(({ name }) => name === "GreenPool.task").length, 3)
    })
  )

  it.effect("there is none without a tracer", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      const name = yield* Effect.withSpan(pool.run(Effect.map(Effect.currentSpan, (span) => span.name)), "submitter")
      assert.strictEqual(name, "submitter")
    })
  )
})

describe("metrics", () => {
  const read = Effect.map(Metric.snapshot, (snapshot) =>
    Object.fromEntries(snapshot.map(({ attributes, id, state }) => [id, { attributes, state }] as const))
  )
  const registry = () => Effect.provideService(Metric.MetricRegistry, new Map())

  it.effect("a pool with a name keeps counts and times", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make({ maxWorkers: 1, capacity: 1, overflow: "fail", name: "mail" })
      const gate = makeGate()
      yield* pool.submit(Effect.andThen(gate.task, Effect.sleep("3 seconds")))
      yield* pool.submit(Effect.void)
      yield* Effect.flip(pool.submit(Effect.void))
      const before = yield* read
      assert.deepStrictEqual(before["green_pool_running"]?.state, { value: 1 })
      assert.deepStrictEqual(before["green_pool_queued"]?.state, { value: 1 })
      assert.deepStrictEqual(before["green_pool_size"]?.state, { value: 1 })
      assert.deepStrictEqual(before["green_pool_rejected"]?.state, { count: 1, incremental: true })
      assert.deepStrictEqual(before["green_pool_queued"]?.attributes, { pool: "mail" })
      yield* TestClock.adjust("2 seconds")
      gate.open(Exit.void)
      yield* turns
      yield* TestClock.adjust("3 seconds")
      yield* pool.join
      const after = yield* read
      for (const id of ["green_pool_wait", "green_pool_run"]) {
        assert.deepInclude(after[id]?.state, { count: 2, max: Duration.toMillis("5 seconds") }, id)
      }
    }).pipe(registry())
  )

  it.effect("its counts are gone with it", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Scope.provide(GreenPool.make({ name: "mail" }), scope)
      assert.isDefined((yield* read)["green_pool_queued"])
      yield* Scope.close(scope, Exit.void)
      assert.isUndefined((yield* read)["green_pool_queued"])
    }).pipe(registry())
  )

  it.effect("a pool without a name keeps none", () =>
    Effect.gen(function* () {
      const pool = yield* GreenPool.make()
      yield* pool.run(Effect.void)
      assert.deepStrictEqual(yield* read, {})
    }).pipe(registry())
  )
})
