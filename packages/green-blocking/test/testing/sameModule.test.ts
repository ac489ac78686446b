/** Whether the two ways to a module that `green` was given lead to the same one. */
import { assert, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { green } from "green-blocking"
import { NotSameModule, sameModule } from "green-blocking/testing"
import { createRequire } from "node:module"
import { fileOf } from "../../src/internal/here/fileOf.ts"
import { get as getFromOther } from "../fixtures/otherJobs.ts"

const url = new URL("../fixtures/payloadJobs.ts", import.meta.url)
const other = new URL("../fixtures/otherJobs.ts", import.meta.url)
const load = () => import("../fixtures/payloadJobs.ts")

it.effect("passes for one module", () => sameModule(green(load, url, "get")))

it.effect("names both if they are two", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(sameModule(green(load, other, "get")))
    assert(error instanceof NotSameModule && error.reason._tag === "Different")
    expect(error.url).toBe(other.href)
    expect(error.load).toContain("payloadJobs.ts")
    expect(error.reason.loaded).toMatch(/fixtures\/payloadJobs\.ts$/)
    expect(error.reason.imported).toMatch(/fixtures\/otherJobs\.ts$/)
    expect(error.message).toMatch(/^get: its types are of one module/)
  })
)

it.effect("says what cannot be loaded, or is not there, or is not green's", () =>
  Effect.gen(function* () {
    const missing = yield* Effect.flip(sameModule(green(load, new URL("./missing.ts", other), "get")))
    assert(missing.reason._tag === "NotLoaded")
    expect(missing.reason.which).toBe("url")
    const notExported = yield* Effect.flip(sameModule(green(load, other, "pages")))
    expect(notExported.reason).toEqual({ _tag: "NotExported", which: "url" })
    const notGreen = yield* Effect.flip(sameModule(getFromOther))
    expect(notGreen.reason._tag).toBe("NotGreen")
  })
)

it.effect("knows the file of a function that two loaders have loaded", () =>
  Effect.gen(function* () {
    // Node's own loader, beside that of the tests.
    const native: unknown = createRequire(import.meta.url)("../fixtures/otherJobs.ts")
    assert(typeof native === "object" && native !== null && "get" in native && isGet(native.get))
    expect(native.get).not.toBe(getFromOther)
    expect(fileOf(native.get)).toBe(fileOf(getFromOther))
    expect(fileOf(getFromOther)).toMatch(/fixtures\/otherJobs\.ts$/)
    const loaded = { get: native.get }
    yield* sameModule(green(() => Promise.resolve(loaded), other, "get"))
  })
)

const isGet = (x: unknown): x is typeof getFromOther => typeof x === "function"
