/** Any tree of work in a pool of its own ends, within the size of the pool, and everything in it is done once. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { GreenPool } from "green-pool"
import { Meter, turns } from "./support/gate.ts"

const kinds = [
  "run",
  "run all at once",
  "submit and join",
  "submit, then join",
  "submit and leave",
  "map",
  "imap",
  "wait"
] as const

interface Step {
  readonly kind: (typeof kinds)[number]
  /** How far down the tree it goes before the next one. */
  readonly depth: number
  readonly width: number
}

interface World {
  readonly maxWorkers: number
  readonly capacity: number
  readonly keyLimit: number
}

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const steps = Arbitrary.array(
  Arbitrary.map(
    Arbitrary.schema(Schema.Struct({ kind: int(0, kinds.length - 1), depth: int(0, 2), width: int(1, 3) })),
    ({ depth, kind, width }): Step => ({ depth, kind: kinds[kind] ?? "run", width })
  ),
  { minLength: 3, maxLength: 12 }
)

const world = Arbitrary.map(
  Arbitrary.schema(Schema.Struct({ maxWorkers: int(1, 3), capacity: int(0, 4), keyLimit: int(1, 2) })),
  (world): World => ({ ...world, capacity: world.capacity === 4 ? Infinity : world.capacity })
)

const ends = (steps: ReadonlyArray<Step>, world: World) =>
  Effect.gen(function* () {
    const pool = yield* GreenPool.make(world)
    const meter = new Meter()
    let made = 0
    let done = 0

    const leaf = (): Effect.Effect<void> => {
      made++
      return Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => {
          assert.isAtMost(pool.running, pool.maxWorkers)
          done++
        })
      )
    }
    // Leaves of a slot run in turns, but a task and its forks are not kept from running beside them.
    const work = (at: number, depth: number): Effect.Effect<unknown> =>
      Effect.suspend(() => {
        const step = steps[at]
        if (step === undefined || depth > 3) return leaf()
        const next = () => work(at + 1 + step.depth, depth + 1)
        const children = Array.from({ length: step.width }, (_, child) => child)
        const key = step.depth === 0 ? {} : { key: step.depth }
        const perform = (): Effect.Effect<unknown, unknown> => {
          switch (step.kind) {
            case "run":
              return Effect.forEach(children, () => pool.run(next(), key))
            case "run all at once":
              return Effect.forEach(children, () => pool.run(next(), key), { concurrency: "unbounded" })
            case "submit and join":
              return Effect.forEach(children, () => Effect.flatten(pool.submit(next(), key)))
            case "submit, then join":
              return Effect.flatMap(
                Effect.forEach(children, () => pool.submit(next(), key)),
                (tasks) => Effect.all(tasks, { concurrency: step.depth === 0 ? 1 : "unbounded" })
              )
            case "submit and leave":
              return Effect.forEach(children, () => pool.submit(next(), key))
            case "map":
              return pool.map(children, next, key)
            case "imap":
              return Stream.runDrain(pool.imapUnordered(children, next, key))
            case "wait":
              return Effect.andThen(pool.submit(next(), key), step.depth === 0 ? pool.join : pool.whenQueuedBelow(1))
          }
        }
        return Effect.orDie(Effect.andThen(perform(), leaf()))
      })

    yield* pool.run(meter.counted(work(0, 0)))
    yield* pool.join
    assert.strictEqual(done, made)
    assert.deepStrictEqual([pool.running, pool.queued], [0, 0])
  })

/** There are no timers in it: what has not ended after so many turns of the loop waits for itself. */
const hung = Effect.andThen(Effect.replicateEffect(turns, 2_000, { discard: true }), Effect.die(new Error("it hangs")))

describe("a tree of runs, submits, joins, maps and waits, each in a task of the same pool", () => {
  it.effect.prop(
    "ends, with never more running than there are workers",
    [steps, world],
    ([steps, world]) => Effect.raceFirst(Effect.scoped(ends(steps, world)), hung),
    { arbitrary: { runs: 300, size: 12 } }
  )
})
