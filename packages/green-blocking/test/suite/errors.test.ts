/** What operations and jobs throw, as the other side sees it. */
import { assert, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { green, JobError } from "green-blocking"
import { MustBeInGreenlet, PerformError, WaitTimeout } from "green-blocking/worker"
import { Refused, Unlucky } from "../fixtures/errorJobs.ts"
import { NotFound, PayloadOps } from "../fixtures/payloadOps.ts"
import { PayloadHandlers } from "../support/payloadHandlers.ts"
import { pools } from "../support/pools.ts"

const payloads = new URL("../fixtures/payloadJobs.ts", import.meta.url)
const loadPayloads = () => import("../fixtures/payloadJobs.ts")
const url = new URL("../fixtures/errorJobs.ts", import.meta.url)
const load = () => import("../fixtures/errorJobs.ts")

const caught = green(loadPayloads, payloads, "caught")
const get = green(loadPayloads, payloads, "get", { error: NotFound })
const getUndeclared = green(loadPayloads, payloads, "get")
const within = green(loadPayloads, payloads, "within", { error: NotFound })
const returns = green(load, url, "returns")
const throws = green(load, url, "throws", { error: Refused })

/** The lines of a stack without its header, in which places of this package and of Effect do not count. */
const places = (stack: string): ReadonlyArray<string> => stack.split("\n").filter((line) => /^ +at /.test(line))

const indexOf = (lines: ReadonlyArray<string>, part: string | RegExp): number =>
  lines.findIndex((line) => (typeof part === "string" ? line.includes(part) : part.test(line)))

describe.each(pools)("in $kind", ({ layer }) => {
  it.layer(layer(PayloadOps, PayloadHandlers))("a typed error of an operation", (it) => {
    it.effect("is an instance with its fields and its message", () =>
      Effect.gen(function* () {
        const error = yield* caught("nowhere")
        assert(error !== undefined)
        expect(error.isError).toBe(true)
        expect(error.message).toBe("there is no nowhere")
        expect(error.at).toEqual(new Date(7))
        expect(error.near).toBe("Some")
      })
    )

    it.effect("has one stack: the host's, a line between, the job's", () =>
      Effect.gen(function* () {
        const error = yield* caught("nowhere")
        assert(error !== undefined)
        expect(error.stack).toMatch(/^NotFound: there is no nowhere\n/)
        const lines = places(error.stack)
        const host = indexOf(lines, "payloadHandlers.ts")
        const line = indexOf(lines, "at Get (performed by a job in a worker thread)")
        const job = indexOf(lines, /caught.*payloadJobs\.ts/)
        expect(host).toBeGreaterThanOrEqual(0)
        expect(line).toBeGreaterThan(host)
        expect(job).toBe(line + 1)
        expect(indexOf(lines.slice(line), "perform.ts")).toBe(-1)
      })
    )

    it.effect.each([
      ["Array.map", "inMap"],
      ["JSON.parse", "inReviver"],
      ["Array.sort", "inComparator"],
      ["getter", "inGetter"],
      ["Proxy", "inTrap"],
      ["tagged template", "inTag"],
      ["String.replace", "inReplacer"],
      ["iterator", "inGenerator"],
      ["toString", "inToString"],
      ["constructor", "InConstructor"]
    ] as const)("goes up through %s, whose frames are in its stack", ([name, frame]) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(within(name, "nowhere"))
        assert(error instanceof NotFound)
        const lines = places(error.stack ?? "")
        const line = indexOf(lines, "performed by a job")
        expect(indexOf(lines, "payloadHandlers.ts")).toBeGreaterThanOrEqual(0)
        const place = indexOf(lines.slice(line), frame)
        expect(place).toBeGreaterThan(0)
        // The initialiser of a field has a frame of its own.
        expect(place).toBeLessThan(3)
        expect(indexOf(lines.slice(line), /within.*payloadJobs\.ts/)).toBeGreaterThan(0)
        expect(indexOf(lines.slice(line), "within (a job in a worker thread)")).toBeGreaterThan(1)
      })
    )
  })

  it.layer(layer(PayloadOps, PayloadHandlers))("what a job throws", (it) => {
    it.effect("is the declared error, as an instance", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(get("nothing"))
        assert(error instanceof NotFound)
        expect(error.key).toBe("nothing")
        expect(error.at).toEqual(new Date(7))
        expect(error.near._tag).toBe("Some")
      })
    )

    it.effect("is a cause of a JobError if it is not declared", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(getUndeclared("nothing"))
        assert(error instanceof JobError && error.reason._tag === "Threw")
        expect(error.message).toBe("get: threw: there is no nothing")
        assert(error.cause instanceof Error)
        expect(error.cause.name).toBe("NotFound")
        expect(error.cause).toMatchObject({ key: "nothing" })
      })
    )

    it.effect.each([
      ["declared", Refused, "a"],
      ["of the language", JobError, "threw: wrong"],
      ["with causes", JobError, "threw: outer"],
      ["no error", JobError, "threw: text"],
      ["nothing", JobError, "threw: undefined"],
      ["other class", JobError, "threw: bad luck"]
    ] as const)("%s", ([what, type, message]) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(throws(what))
        expect(error).toBeInstanceOf(type)
        expect(error.message).toContain(message)
        const cause = error instanceof JobError ? error.cause : error
        if (cause instanceof Error) {
          const lines = places(cause.stack ?? "")
          expect(indexOf(lines, "errorJobs.ts")).toBe(0)
          expect(indexOf(lines, "throws (a job in a worker thread)")).toBe(lines.length - 1)
        }
        if (what === "of the language") expect(cause).toBeInstanceOf(TypeError)
        if (what === "with causes") {
          assert(cause instanceof Error && cause.cause instanceof Error)
          expect(cause.cause.message).toBe("inner")
        }
      })
    )

    it.effect("is one of several that are declared", () =>
      Effect.gen(function* () {
        const either = green(load, url, "throws", { error: Schema.Union([Refused, Unlucky]) })
        const error = yield* Effect.flip(either("other class"))
        assert(error instanceof Unlucky)
        expect([...error.numbers]).toEqual([13])
        expect(yield* Effect.flip(either("declared"))).toBeInstanceOf(Refused)
      })
    )

    it.effect("may be an error of performing, which can be declared too", () =>
      Effect.gen(function* () {
        const declared = green(load, url, "throws", { error: PerformError })
        const error = yield* Effect.flip(declared("PerformError"))
        assert(error instanceof PerformError)
        expect(error.operation).toBe("InterruptItself")
        expect(error.reason._tag).toBe("HandlerInterrupted")
        const outside = green(load, url, "throws", { error: MustBeInGreenlet })
        expect(yield* Effect.flip(outside("MustBeInGreenlet"))).toBeInstanceOf(MustBeInGreenlet)
        const late = green(load, url, "throws", { error: WaitTimeout })
        const timeout = yield* Effect.flip(late("WaitTimeout"))
        assert(timeout instanceof WaitTimeout)
        expect(timeout.milliseconds).toBe(5)
      })
    )
  })

  it.layer(layer(PayloadOps, PayloadHandlers))("a job that cannot be run", (it) => {
    it.effect("returns a promise", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(returns("promise"))
        assert(error instanceof JobError)
        expect(error.reason).toEqual({ _tag: "NotSynchronous" })
      })
    )

    it.effect("returns a promise that is rejected, which ends nothing", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(returns("rejected promise"))
        assert(error instanceof JobError)
        expect(error.reason._tag).toBe("NotSynchronous")
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        expect(yield* returns("number")).toBe(1)
      })
    )

    it.effect("returns what cannot be cloned, and says where", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(returns("function"))
        assert(error instanceof JobError && error.reason._tag === "NotCloneable")
        expect(error.reason.part).toBe("result")
        expect(error.reason.path).toBe(".a[1].f")
      })
    )

    it.effect("is given what cannot be cloned, and says where", () =>
      Effect.gen(function* () {
        const echo = green(load, url, "echo")
        const error = yield* Effect.flip(echo({ a: [() => 1] }))
        assert(error instanceof JobError && error.reason._tag === "NotCloneable")
        expect(error.reason.part).toBe("arguments")
        expect(error.reason.path).toBe("[0].a[0]")
      })
    )

    it.effect("is not exported", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(green(load, payloads, "returns")("number"))
        assert(error instanceof JobError && error.reason._tag === "NotExported")
        expect(error.reason.functions).toContain("payloadless")
        expect(error.message).toContain("it exports ")
      })
    )

    it.effect("is in no file that there is, in one that throws, in none", () =>
      Effect.gen(function* () {
        const missing = yield* Effect.flip(green(load, new URL("./missing.ts", url), "returns")("number"))
        assert(missing instanceof JobError && missing.reason._tag === "NotLoaded")
        expect(missing.message).toContain("missing.ts")
        const broken = yield* Effect.flip(green(load, new URL("./broken.ts", url), "returns")("number"))
        assert(broken instanceof JobError && broken.reason._tag === "NotLoaded")
        assert(broken.cause instanceof Error)
        expect(broken.cause.message).toBe("broken at its top")
        const elsewhere = yield* Effect.flip(
          green(load, "data:text/javascript,export const a = 1", "returns")("number")
        )
        assert(elsewhere instanceof JobError)
        expect(elsewhere.reason._tag).toBe("NotAFile")
      })
    )
  })
})
