/** Operations as jobs perform them: what is asked, what is answered, what is thrown. */
import { assert, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { green } from "green-blocking"
import { PayloadOps } from "../fixtures/payloadOps.ts"
import { asked, PayloadHandlers } from "../support/payloadHandlers.ts"
import { pools } from "../support/pools.ts"

const url = new URL("../fixtures/payloadJobs.ts", import.meta.url)
const load = () => import("../fixtures/payloadJobs.ts")
const anything = green(load, url, "anything")
const get = green(load, url, "get")
const keep = green(load, url, "keep")
const moves = green(load, url, "moves")
const pages = green(load, url, "pages")
const payloadless = green(load, url, "payloadless")
const refused = green(load, url, "refused")
const secret = green(load, url, "secret")
const useKept = green(load, url, "useKept")
const within = green(load, url, "within")
const wrapped = green(load, url, "wrapped")

describe.each(pools)("in $kind", ({ layer }) => {
  it.layer(layer(PayloadOps, PayloadHandlers))("perform", (it) => {
    it.effect("gives the answer of the handler", () =>
      Effect.gen(function* () {
        expect(yield* get("a")).toBe("<a>")
      })
    )

    it.effect("fills in what the payload has defaults for", () =>
      Effect.gen(function* () {
        expect(yield* pages()).toEqual([
          { title: "a", size: 10, hasTags: false },
          { title: "b", size: 3, hasTags: false },
          { title: "c", size: 10, hasTags: true }
        ])
      })
    )

    it.effect("asks without a payload, with options or none", () =>
      Effect.gen(function* () {
        expect(yield* payloadless()).toEqual([new Date(5), new Date(5), new Date(5), undefined, undefined])
      })
    )

    it.effect("takes from handlers what may be wrapped, and what is answered later", () =>
      Effect.gen(function* () {
        expect(yield* wrapped()).toEqual(["forked", "uninterruptible", "later"])
      })
    )

    it.effect("goes through the middleware of the group, whose errors are typed", () =>
      Effect.gen(function* () {
        expect(yield* secret("somebody")).toBe("the secret of somebody")
        expect(yield* secret("nobody")).toBe("forbidden to nobody")
      })
    )

    it.effect("works within calls of libraries and of the language", () =>
      Effect.gen(function* () {
        const names = [
          "Array.map",
          "JSON.parse",
          "Array.sort",
          "getter",
          "Proxy",
          "tagged template",
          "String.replace",
          "iterator",
          "toString",
          "constructor"
        ]
        for (const name of names) {
          const answer = yield* within(name, "a")
          expect(answer).toContain(name === "Array.sort" ? '"a","a"' : "<a>")
        }
      })
    )

    it.effect("moves what is marked, and copies the rest", () =>
      Effect.gen(function* () {
        const { answer, isDetached, left } = yield* moves()
        expect(left).toBe(0)
        expect(isDetached).toBe(true)
        expect(answer).toEqual({ bytes: new Uint8Array(1024).fill(7) })
        const value = { list: [1] }
        asked.length = 0
        const back = yield* anything(value)
        expect(back).toEqual(value)
        expect(asked).toEqual([value])
        expect(asked[0]).not.toBe(value)
        expect(back).not.toBe(asked[0])
      })
    )

    it.effect("passes a megabyte", () =>
      Effect.gen(function* () {
        const bytes = new Uint8Array(1_000_000).map((_, index) => index % 251)
        expect(yield* anything(bytes)).toEqual(bytes)
        const text = "é".repeat(500_000)
        expect((yield* anything(text)) === text).toBe(true)
      })
    )

    it.effect("throws where no job runs: here, and in what a job leaves behind", () =>
      Effect.gen(function* () {
        const module = yield* Effect.promise(load)
        expect(() => module.get("a")).toThrow(/^Get was performed where no job runs/)
        yield* keep()
        module.keep()
        expect(module.useKept()).toBe("Now")
      })
    )

    it.effect("in a later job, what was kept performs for that one", () =>
      Effect.gen(function* () {
        yield* keep()
        // A pool may take another thread, in which nothing was kept.
        expect(["undefined", String(new Date(5))]).toContain(yield* useKept())
      })
    )

    it.effect.each([
      ["invalidPayload", "InvalidPayload", /^Age: the payload is not what its schema asks for: [^]*years/],
      [
        "refusedPayload",
        "InvalidPayload",
        /^Age: the payload is not what its schema asks for: [^]*greater than 0[^]*years/
      ],
      ["invalidResult", "InvalidResult", /^Lie: its handler answered what cannot be given: [^]*greater than 0/],
      ["notHandled", "NotHandled", /^Elsewhere: the pool of this job has no such operation/],
      ["notCloneable", "NotCloneable", /^Anything: payload\.list\[1\]\.f cannot be sent to another thread: /],
      [
        "notCloneableAnswer",
        "InvalidResult",
        /^Anything: its handler answered what cannot be given: result\.list\[0\] cannot be sent to another thread: a function/
      ],
      [
        "notCloneableFailure",
        "InvalidResult",
        /^Refuse: its handler answered what cannot be given: error\.because\[1\]\.f cannot be sent to another thread: a function/
      ],
      ["dies", "Defect", /^Die: its handler died: dead$/],
      ["diesOfText", "Defect", /^Die: its handler died: dead$/],
      ["throws", "Defect", /^Die: its handler died: thrown by the handler itself$/],
      ["interruptsItself", "HandlerInterrupted", /^InterruptItself: its handler interrupted itself$/]
    ] as const)("throws a PerformError: %s", ([name, tag, message]) =>
      Effect.gen(function* () {
        const error = yield* refused(name)
        assert(error !== undefined)
        expect(error.tag).toBe(tag)
        expect(error.message).toMatch(message)
        // It begins where the job has called.
        expect(error.stack.split("\n").find((line) => /^ +at .*:\d+/.test(line))).toContain("payloadJobs.ts")
      })
    )

    it.effect("says what a handler died of", () =>
      Effect.gen(function* () {
        const error = yield* refused("dies")
        assert(error?.cause instanceof TypeError)
        expect(error.cause.message).toBe("dead")
        expect(error.cause.stack).toContain("payloadHandlers.ts")
        assert(error.cause.cause instanceof Error)
        expect(error.cause.cause.message).toBe("why")
      })
    )
  })
})
