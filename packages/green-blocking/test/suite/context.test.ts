/** What crosses the bridge of the caller's context: span, annotations, references; logs and spans of the job. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import { green, JobError, SharedReference } from "green-blocking"
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"
import { ContextOps, Locale, Missing, Secret, SharedLocale, SharedSince, Since } from "../fixtures/contextOps.ts"
import { pools } from "../support/pools.ts"
import { Kept, spansAbove } from "../support/telemetry.ts"

const url = new URL("../fixtures/contextJobs.ts", import.meta.url)
const load = () => import("../fixtures/contextJobs.ts")
const caller = green(load, url, "caller")
const seen = green(load, url, "seen")
const seenWithin = green(load, url, "seenWithin")
const logs = green(load, url, "logs")
const spans = green(load, url, "spans")
const failingSpan = green(load, url, "failingSpan")
const locals = green(load, url, "locals")
const program = green(load, url, "program")
const failures = green(load, url, "failures")
const leaveOpen = green(load, url, "leaveOpen")

/** A reference that can hold what its schema refuses, and what cannot be sent. */
const Anything = Context.Reference<unknown>("test/Anything", { defaultValue: () => 0 })
const SharedAnything = SharedReference.make(Anything, Schema.Unknown)
const NotNaN = Context.Reference<number>("test/NotNaN", { defaultValue: () => 0 })
const SharedNotNaN = SharedReference.make(NotNaN, Schema.Finite)

const Handlers = ContextOps.toLayer({
  Seen: () =>
    Effect.gen(function* () {
      return {
        spans: yield* spansAbove,
        annotations: yield* References.CurrentLogAnnotations,
        locale: yield* Locale
      }
    }),
  Traced: ({ name }) => Effect.withSpan(Effect.log("handled"), name),
  Get: ({ key }) => Effect.fail(new Missing({ key })),
  Count: ({ to }) => (to < 0 ? Stream.fail(new Missing({ key: "count" })) : Stream.range(1, to)),
  Die: () => Effect.die(new Error("dead"))
}).pipe(
  // What the layer was made with says nothing of its callers.
  Layer.withSpan("layer"),
  Layer.provide(Layer.succeed(References.CurrentLogAnnotations, { from: "layer" })),
  Layer.provide(Layer.succeed(Locale, "of the layer"))
)

const references = [SharedLocale, SharedSince, SharedAnything, SharedNotNaN]

describe.each(pools)("in $kind", ({ layer }) => {
  it.layer(layer(ContextOps, Handlers, { references }))("the caller's context", (it) => {
    it.effect("is nothing unless the caller has something of its own", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* caller(), {
          span: undefined,
          annotations: {},
          locale: "en",
          since: new Date(0),
          secret: "none",
          interrupted: false
        })
      })
    )

    it.effect("is seen in the job: span, annotations, and the references that are shared", () => {
      const kept = new Kept()
      return Effect.gen(function* () {
        const found = yield* caller()
        const [span] = kept.spans
        assert.isDefined(span)
        assert.deepStrictEqual(found, {
          span: { traceId: span.traceId, spanId: span.spanId, sampled: true },
          annotations: { user: "ann", from: new Date(5), text: "() => 1" },
          locale: "it",
          since: new Date(7),
          secret: "none",
          interrupted: false
        })
      }).pipe(
        Effect.withSpan("caller"),
        Effect.annotateLogs({ user: "ann", from: new Date(5), text: () => 1 }),
        Effect.provideService(Locale, "it"),
        Effect.provideService(Since, new Date(7)),
        Effect.provideService(Secret, "secret"),
        kept.watch
      )
    })

    it.effect("is that of the handlers, whatever their layer was made with", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* seen(), { spans: [], annotations: {}, locale: "en" })
        const found = yield* seenWithin().pipe(
          Effect.withSpan("caller"),
          Effect.annotateLogs("user", "ann"),
          Effect.provideService(Locale, "it")
        )
        assert.deepStrictEqual(found, { spans: ["within", "caller"], annotations: { user: "ann" }, locale: "it" })
      })
    )

    it.effect("whose reference its schema refuses fails the job, and names it", () =>
      Effect.gen(function* () {
        const refused = yield* Effect.flip(Effect.provideService(caller(), NotNaN, Number.NaN))
        assert.instanceOf(refused, JobError)
        assert.strictEqual(refused.reason._tag, "InvalidReference")
        assert.include(refused.message, "the value of test/NotNaN, which the pool shares, cannot be sent")
        const unsendable = yield* Effect.flip(Effect.provideService(caller(), Anything, { at: [() => 1] }))
        assert.include(unsendable.message, "its value.at[0] cannot be sent to another thread")
        assert.strictEqual((yield* caller()).locale, "en")
      })
    )
  })

  it.layer(layer(ContextOps, Handlers, { references }))("logs of a job", (it) => {
    it.effect("are its caller's: loggers, level, annotations, span, before the job has ended", () => {
      const kept = new Kept()
      return Effect.gen(function* () {
        yield* logs()
        assert.deepStrictEqual(
          kept.logs.map(({ level, span }) => [level, span]),
          [
            ["Info", "caller"],
            ["Warn", "caller"],
            ["Error", "caller"],
            ["Info", "caller"]
          ]
        )
        const [one, , error, text] = kept.logs
        assert.deepStrictEqual(one?.message, ["one", { two: 2 }])
        assert.deepStrictEqual(one?.annotations, { user: "ann" })
        const [range]: ReadonlyArray<unknown> = Array.isArray(error?.message) ? error.message : []
        assert.instanceOf(range, RangeError)
        assert.match(String(range.stack), /not in range[^]*contextJobs[^]*logs \(a job in a worker thread\)/)
        assert.deepStrictEqual(text?.message, ["() => 1"])
      }).pipe(Effect.withSpan("caller"), Effect.annotateLogs("user", "ann"), kept.watch)
    })

    it.effect("have the caller's least level", () => {
      const kept = new Kept()
      return Effect.gen(function* () {
        yield* Effect.provideService(logs(), References.MinimumLogLevel, "Debug")
        assert.deepStrictEqual(
          kept.logs.map(({ level }) => level),
          ["Info", "Debug", "Warn", "Error", "Info"]
        )
        kept.logs.length = 0
        yield* Effect.provideService(logs(), References.MinimumLogLevel, "Error")
        assert.deepStrictEqual(
          kept.logs.map(({ level }) => level),
          ["Error"]
        )
      }).pipe(kept.watch)
    })

    it.effect("that a logger throws for are lost, and spans that a tracer throws for", () => {
      const broken = new Kept()
      broken.logs.push = () => {
        throw new Error("the logger is broken")
      }
      broken.spans.push = () => {
        throw new Error("the tracer is broken")
      }
      return Effect.gen(function* () {
        yield* broken.watch(logs())
        yield* broken.watch(failingSpan()).pipe(Effect.flip)
        assert.strictEqual((yield* caller()).locale, "en")
      })
    })
  })

  it.layer(layer(ContextOps, Handlers, { references }))("spans of a job", (it) => {
    it.effect("are below its caller's, and handlers below them", () => {
      const kept = new Kept()
      return Effect.gen(function* () {
        yield* Effect.withSpan(spans(), "caller")
        assert.deepStrictEqual(kept.tree, [
          "caller",
          "caller > outer",
          "outer > handled",
          "outer > inner",
          "caller > after"
        ])
        const [, outer] = kept.spans
        assert.deepStrictEqual(
          [...(outer?.attributes ?? [])],
          [
            ["early", true],
            ["text", "() => 1"],
            ["late", 1]
          ]
        )
        assert.strictEqual(outer?.kind, "client")
        for (const { status } of kept.spans) {
          assert.strictEqual(status._tag, "Ended")
          if (status._tag === "Ended") {
            assert.isTrue(Exit.isSuccess(status.exit))
            assert.isTrue(status.endTime >= status.startTime || status.startTime === 0n)
          }
        }
        assert.deepStrictEqual(
          kept.logs.map(({ message, span }) => [...(Array.isArray(message) ? message : [message]), span]),
          [
            ["handled", "handled"],
            ["in inner", "inner"],
            ["in outer", "outer"],
            ["handled", "after"]
          ]
        )
      }).pipe(kept.watch)
    })

    it.effect("have no parent where the caller has none", () => {
      const kept = new Kept()
      return Effect.gen(function* () {
        yield* spans()
        assert.deepStrictEqual(kept.tree, ["outer", "outer > handled", "outer > inner", "after"])
      }).pipe(kept.watch)
    })

    it.effect("end as failed with what was thrown", () => {
      const kept = new Kept()
      return Effect.gen(function* () {
        const error = yield* Effect.flip(failingSpan())
        assert.include(error.message, "why")
        const [span] = kept.spans
        const status = span?.status
        assert.isTrue(status?._tag === "Ended" && Exit.isFailure(status.exit))
        assert.include(String(status?._tag === "Ended" ? status.exit : ""), "RangeError: why")
      }).pipe(kept.watch)
    })

    it.effect("are not made for a caller without a tracer", () => {
      const kept = new Kept()
      return Effect.gen(function* () {
        yield* Effect.provideService(spans(), References.TracerEnabled, false)
        assert.deepStrictEqual(kept.spans, [])
      }).pipe(kept.watch)
    })

    it.effect("of two jobs at once are each of their own caller", () => {
      const [one, two] = [new Kept(), new Kept()]
      return Effect.gen(function* () {
        yield* Effect.all([one.watch(Effect.withSpan(spans(), "one")), two.watch(Effect.withSpan(spans(), "two"))], {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(one.tree, ["one", "one > outer", "outer > handled", "outer > inner", "one > after"])
        assert.deepStrictEqual(two.tree, ["two", "two > outer", "outer > handled", "outer > inner", "two > after"])
      })
    })

    it.effect("that it leaves open are ended with it, as interrupted", () => {
      const kept = new Kept()
      return Effect.gen(function* () {
        yield* leaveOpen()
        assert.deepStrictEqual(kept.tree, ["left", "left > open"])
        const [left, open] = kept.spans.map((span) => span.status)
        assert.isTrue(left?._tag === "Ended" && Exit.isSuccess(left.exit))
        assert.isTrue(open?._tag === "Ended" && Exit.hasInterrupts(open.exit))
        assert.strictEqual(kept.spans[1]?.attributes.get("a"), 1)
      }).pipe(kept.watch)
    })
  })

  it.layer(layer(ContextOps, Handlers, { references }))("locals of a job", (it) => {
    it.effect("are not those of the next one, and none of its caller's", () =>
      Effect.gen(function* () {
        for (const value of ["one", "two", "three"]) {
          assert.deepStrictEqual(yield* locals(value), { before: ["initial", undefined], after: [value, value] })
        }
      })
    )
  })

  it.layer(layer(ContextOps, Handlers, { references }))("a program in a job", (it) => {
    it.effect("logs, traces, and has the references of its caller", () => {
      const kept = new Kept()
      return Effect.gen(function* () {
        assert.strictEqual(yield* program(), new Date(7).toISOString())
        assert.deepStrictEqual(kept.tree, ["caller", "caller > in program", "in program > handled"])
        assert.deepStrictEqual(
          [...(kept.spans[1]?.attributes ?? [])],
          [
            ["early", true],
            ["late", true]
          ]
        )
        assert.deepStrictEqual(
          kept.logs.map(({ annotations, labels, level, message, span }) => ({
            annotations,
            labels,
            level,
            message,
            span
          })),
          [
            {
              annotations: { user: "ann" },
              labels: [],
              level: "Info",
              message: ["from the program", { n: 1 }],
              span: "caller"
            },
            { annotations: { user: "ann" }, labels: [], level: "Error", message: ["failed"], span: "caller" },
            {
              annotations: { user: "ann", own: "here" },
              labels: [],
              level: "Debug",
              message: ["with"],
              span: "caller"
            },
            { annotations: { user: "ann" }, labels: ["label"], level: "Info", message: ["timed"], span: "caller" },
            { annotations: { user: "ann" }, labels: [], level: "Info", message: ["handled"], span: "handled" }
          ]
        )
        assert.instanceOf(kept.logs[1]?.cause[0], RangeError)
        // What the program did not annotate is the caller's own value, and no copy of it.
        yield* Effect.annotateLogs(program(), { kept })
        assert.strictEqual(kept.logs.at(-2)?.annotations["kept"], kept)
      }).pipe(
        Effect.withSpan("caller"),
        Effect.annotateLogs("user", "ann"),
        Effect.provideService(Since, new Date(7)),
        Effect.provideService(References.MinimumLogLevel, "Debug"),
        kept.watch
      )
    })

    it.effect("gets typed errors as failures, all else as defects, and streams as it pulls them", () =>
      Effect.gen(function* () {
        const { died, ...others } = yield* failures()
        assert.deepStrictEqual(others, {
          missing: ["Missing", "no"],
          refused: "Success",
          counted: [1, 2, 3, 4, 5],
          taken: [1, 2, 3],
          failed: "Missing"
        })
        assert.include(died, "dead")
      })
    )
  })
})
