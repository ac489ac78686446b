/** Streams, as jobs loop over them. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { green } from "green-blocking"
import { StreamOps } from "../fixtures/streamOps.ts"
import { pools } from "../support/pools.ts"
import { streamHandlers } from "../support/streamHandlers.ts"

const url = new URL("../fixtures/streamJobs.ts", import.meta.url)
const load = () => import("../fixtures/streamJobs.ts")
const ahead = green(load, url, "ahead")
const all = green(load, url, "all")
const dates = green(load, url, "dates")
const events = green(load, url, "events")
const fails = green(load, url, "fails")
const functions = green(load, url, "functions")
const interleaved = green(load, url, "interleaved")
const keep = green(load, url, "keep")
const nested = green(load, url, "nested")
const queued = green(load, url, "queued")
const scoped = green(load, url, "scoped")
const take = green(load, url, "take")
const useKept = green(load, url, "useKept")

describe.each(pools)("in $kind", ({ layer }) => {
  it.layer(layer(StreamOps, streamHandlers()))("a stream", (it) => {
    it.effect("gives its elements, whatever the size of its chunks", () =>
      Effect.gen(function* () {
        const expected = Array.from({ length: 100 }, (_, index) => index)
        for (const chunk of [1, 3, 100, 1000]) expect(yield* all(chunk, 100)).toEqual(expected)
      })
    )

    it.effect("may be empty", () =>
      Effect.gen(function* () {
        expect(yield* all(1, 0)).toEqual([])
      })
    )

    it.effect("decodes its elements", () =>
      Effect.gen(function* () {
        expect(yield* dates()).toEqual([new Date(1), new Date(2)])
      })
    )

    it.effect("may be a queue", () =>
      Effect.gen(function* () {
        expect(yield* queued()).toEqual(["a", "b", "c"])
      })
    )

    it.effect("has a scope, which ends before the loop is told of the end", () =>
      Effect.gen(function* () {
        const { events, values } = yield* scoped()
        expect(values).toEqual(["a"])
        expect(events.filter((event) => /acquired|released/.test(event))).toEqual(["acquired", "released"])
      })
    )

    it.effect.each([
      ["typed", [1, 2, 3], /^Broken after 3$/],
      ["dies", [1, 2, 3], /^Fails: its handler died: dead$/],
      ["result", [], /^Fails: its handler answered what cannot be given: [^]*integer/]
    ] as const)("gives what came before an error: %s", ([how, values, end]) =>
      Effect.gen(function* () {
        const failed = yield* fails(how)
        expect(failed.values).toEqual(values)
        expect(failed.end).toMatch(end)
      })
    )

    it.effect("says of an element that cannot be sent where it cannot", () =>
      Effect.gen(function* () {
        const { end, values } = yield* functions()
        expect(values).toEqual([1])
        expect(end).toMatch(/^Functions: .*: element\.f cannot be sent to another thread: a function/)
      })
    )

    it.effect("goes on beside another one", () =>
      Effect.gen(function* () {
        expect(yield* interleaved()).toEqual([0, 0, 1, 10, 2, 20, 3, 30, 4, 40])
      })
    )

    it.effect("goes on beside what is performed within its loop", () =>
      Effect.gen(function* () {
        expect(yield* nested()).toEqual([0, 2, 20, 22, 40, 42])
      })
    )
  })

  describe.each(["break", "return", "throw"] as const)("a loop that ends by %s", (how) => {
    it.layer(layer(StreamOps, streamHandlers()))("interrupts the stream", (it) => {
      it.effect("whose finalizers run, and of which no more is made", () =>
        Effect.gen(function* () {
          // The ends of requests that are taken back are not waited for.
          const sofar = yield* take(3, how)
          expect(sofar.filter((event) => event.startsWith("endless makes"))).toEqual([
            "endless makes 0",
            "endless makes 2"
          ])
          expect(yield* events()).toEqual(["endless makes 0", "endless makes 2", "endless ends"])
        })
      )
    })
  })

  it.layer(layer(StreamOps, streamHandlers()))("the producer", (it) => {
    it.effect("makes a chunk when one is needed, and is never ahead of the loop", () =>
      Effect.gen(function* () {
        expect(yield* ahead([1, 4, 5, 8, 9, 12, 13])).toEqual([1, 1, 2, 2, 3, 3, 4])
      })
    )
  })

  const happened: Array<string> = []
  it.layer(layer(StreamOps, streamHandlers(happened)))("a stream that is kept beyond its job", (it) => {
    it.effect("has ended with it, and cannot be asked for more", () =>
      Effect.gen(function* () {
        expect(yield* keep()).toBe(0)
        expect(happened).toEqual(["kept makes 0", "kept ends"])
        expect(["Count", "another thread"]).toContain(yield* useKept())
        const module = yield* Effect.promise(load)
        // In this thread it is the same one, which has ended.
        expect(["undefined", "another thread"]).toContain(module.useKept())
        expect(happened).toEqual(["kept makes 0", "kept ends"])
      })
    )
  })
})
