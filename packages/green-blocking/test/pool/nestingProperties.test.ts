/** Any tree of jobs within handlers of jobs ends, in a pool of any size, and each of them is run once. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ask, nested, statistics, workers } from "../support/workers.ts"

interface Step {
  readonly isConcurrent: boolean
  readonly width: number
}

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const steps = Arbitrary.array(Arbitrary.schema(Schema.Struct({ isConcurrent: Schema.Boolean, width: int(1, 2) })), {
  minLength: 1,
  maxLength: 3
})

/** What each level of the tree is. There is one tree at a time. */
let tree: ReadonlyArray<Step> = []

/** The handler of a job at this level: how many jobs there are below it, itself included. */
const below = (level: number): Effect.Effect<number> => {
  const step = tree[level]
  if (step === undefined) return Effect.succeed(1)
  const jobs = Array.from({ length: step.width }, () => nested(ask(level + 1)))
  const counts = Effect.all(jobs, { concurrency: step.isConcurrent ? "unbounded" : 1 })
  return Effect.map(counts, (counts) => counts.reduce((sum, count) => sum + count, 1))
}

/** The same, without jobs. */
const count = (level: number): number => {
  const step = tree[level]
  return step === undefined ? 1 : 1 + step.width * count(level + 1)
}

describe.each([1, 2, 3])("in a pool of %i", (size) => {
  it.layer(workers({ size }, { Ask: below }), { excludeTestServices: true })("a tree of jobs", (it) => {
    it.effect.prop(
      "ends, and each of them is run once",
      [steps],
      ([steps]) =>
        Effect.gen(function* () {
          tree = steps
          assert.strictEqual(yield* ask(0), count(0))
          const { idle, queued, running, stuck, threads } = yield* statistics
          assert.deepStrictEqual({ queued, running, stuck }, { queued: 0, running: 0, stuck: 0 })
          assert.isAtMost(threads, size)
          assert.strictEqual(idle, threads)
        }),
      { arbitrary: { runs: 3 } }
    )
  })
})
