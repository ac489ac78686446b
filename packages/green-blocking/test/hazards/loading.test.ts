/** Modules that cannot be loaded, do not end to load, or do not export what is asked for. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { green } from "green-blocking"
import { folder, jobOf } from "../support/modules.ts"
import { causeOf, reasonOf } from "../support/reason.ts"
import { add, statistics, workers } from "../support/workers.ts"

const goesOn = Effect.gen(function* () {
  assert.strictEqual(yield* add(1, 2), 3)
  const { running, started } = yield* statistics
  assert.deepStrictEqual({ running, started }, { running: 0, started: 1 })
})

describe("a job whose module", () => {
  for (const [problem, text, cause] of [
    ["has a mistake of syntax", "export const job = (", /^SyntaxError: /],
    ["imports one that is missing", 'import "./missing.mjs"', /^Error: Cannot find module/],
    ["throws when it is loaded", 'throw new RangeError("not today")', /^RangeError: not today/],
    ["rejects when it is loaded", 'await Promise.reject(new RangeError("not today"))', /^RangeError: not today/],
    [
      "performs when it is loaded",
      `
      import { perform } from ${JSON.stringify(import.meta.resolve("green-blocking/worker"))}
      import { HazardOps } from ${JSON.stringify(new URL("../fixtures/hazards/ops.ts", import.meta.url).href)}
      perform(HazardOps).Never()`,
      /^MustBeInGreenlet: Never was performed where no job runs/
    ]
  ] as const) {
    it.live(`${problem} fails NotLoaded, each time, and its thread goes on`, () =>
      Effect.gen(function* () {
        const job = jobOf((yield* folder).write("job.mjs", text))
        for (let time = 0; time < 2; time++) {
          const reason = yield* reasonOf(job())
          assert.strictEqual(reason._tag, "NotLoaded")
          assert.match(causeOf(reason), cause)
        }
        yield* goesOn
      }).pipe(Effect.provide(workers({ size: 1 })))
    )
  }

  it.live("is missing fails NotLoaded, and is found when it is there", () =>
    Effect.gen(function* () {
      const { write } = yield* folder
      const job = jobOf(new URL("late.mjs", write("other.mjs", "")))
      assert.strictEqual((yield* reasonOf(job()))._tag, "NotLoaded")
      write("late.mjs", "export const job = () => 7")
      assert.strictEqual(yield* job(), 7)
      yield* goesOn
    }).pipe(Effect.provide(workers({ size: 1 })))
  )

  it.live("exports no such function fails NotExported, with those that there are", () =>
    Effect.gen(function* () {
      const { write } = yield* folder
      const url = write("job.mjs", "export const job = 5\nexport const works = () => 1\nexport default class {}")
      assert.deepStrictEqual(yield* reasonOf(jobOf(url)()), { _tag: "NotExported", functions: ["default", "works"] })
      assert.deepStrictEqual(yield* reasonOf(jobOf(write("none.mjs", ""))()), { _tag: "NotExported", functions: [] })
      const inherited = green(() => Promise.resolve({ toString: () => "" }), url, "toString")
      assert.strictEqual((yield* reasonOf(inherited()))._tag, "NotExported")
      yield* goesOn
    }).pipe(Effect.provide(workers({ size: 1 })))
  )

  it.live("is CommonJS runs; its getters are asked when it is loaded", () =>
    Effect.gen(function* () {
      const { write } = yield* folder
      const url = write(
        "job.cjs",
        "exports.job = () => 6\nObject.defineProperty(exports, 'other', { enumerable: true, get: () => () => 7 })"
      )
      assert.strictEqual(yield* jobOf(url)(), 6)
      assert.strictEqual((yield* reasonOf(jobOf(url, "other")()))._tag, "NotExported")
      yield* goesOn
    }).pipe(Effect.provide(workers({ size: 1 })))
  )

  it.live("exports a class fails Threw: a class is not called", () =>
    Effect.gen(function* () {
      const job = jobOf((yield* folder).write("job.mjs", "export class job {}"))
      const reason = yield* reasonOf(job())
      assert.strictEqual(reason._tag, "Threw")
      assert.match(causeOf(reason), /^TypeError: Class constructor/)
      yield* goesOn
    }).pipe(Effect.provide(workers({ size: 1 })))
  )

  it.live("is no file fails NotAFile, and starts no thread", () =>
    Effect.gen(function* () {
      const reason = yield* reasonOf(jobOf(new URL("data:text/javascript,export const job = () => 1"))())
      assert.strictEqual(reason._tag, "NotAFile")
      assert.strictEqual((yield* statistics).started, 0)
    }).pipe(Effect.provide(workers()))
  )

  for (const [problem, text] of [
    ["waits for ever when it is loaded", "await new Promise(() => setInterval(() => {}, 1000))"],
    ["computes for ever when it is loaded", "for (;;);"]
  ] as const) {
    it.live(`${problem} is ended when it is interrupted, after the grace`, () =>
      Effect.gen(function* () {
        const job = jobOf((yield* folder).write("job.mjs", text))
        const exit = yield* Effect.exit(Effect.timeout(job(), 300))
        assert.isTrue(Exit.isFailure(exit))
        assert.deepStrictEqual((yield* statistics).threads, 0)
        assert.strictEqual(yield* add(1, 2), 3)
      }).pipe(Effect.provide(workers({ size: 1, grace: 20 })))
    )
  }
})
