/** However jobs call jobs, and are interrupted, no more than there are slots compute, all end, and no slot is lost. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Slot, Slots } from "../../src/internal/host/Slots.ts"

/**
 * An operation of a job, whose handler runs jobs: one after another, all at once, or all at once with the first one
 * interrupted; or it is the last of its job, which is killed meanwhile.
 */
const kinds = ["in turn", "at once", "interrupted", "killed"] as const

interface Step {
  readonly kind: (typeof kinds)[number]
  /** How far down the tree it goes for the operations of the jobs. */
  readonly depth: number
  readonly width: number
}

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const steps = Arbitrary.array(
  Arbitrary.map(
    Arbitrary.schema(Schema.Struct({ kind: int(0, kinds.length - 1), depth: int(0, 2), width: int(1, 3) })),
    ({ depth, kind, width }): Step => ({ depth, kind: kinds[kind] ?? "in turn", width })
  ),
  { minLength: 3, maxLength: 12 }
)

const ends = (steps: ReadonlyArray<Step>, size: number) =>
  Effect.gen(function* () {
    const slots = new Slots(size)
    let computing = 0
    let most = 0

    const compute = (by: number): void => {
      computing += by
      most = Math.max(most, computing)
    }

    /** A job as the pool runs it: it has its slot until it has left its thread, and then waits for its handlers. */
    const job = (at: number, depth: number, lenders: ReadonlyArray<Slot>): Effect.Effect<void> =>
      Effect.callback((resume) => {
        let slot: Slot | undefined
        let isInterrupted = false
        const withdraw = slots.acquire(lenders, (granted) => {
          slot = granted
          compute(1)
          resume(operations(at, depth, [granted, ...lenders], granted, () => isInterrupted))
        })
        return Effect.sync(() => {
          if (slot === undefined) withdraw()
          else isInterrupted = true
        })
      })

    const operations = (
      at: number,
      depth: number,
      lenders: ReadonlyArray<Slot>,
      slot: Slot,
      isInterrupted: () => boolean
    ): Effect.Effect<void> =>
      Effect.gen(function* () {
        yield* Effect.yieldNow
        const step = steps[at]
        if (step === undefined || depth > 3 || isInterrupted()) return
        compute(-1)
        slots.waits(slot, true)
        const jobs = Array.from({ length: step.width }, () => job(at + 1 + step.depth, depth + 1, lenders))
        const [first, ...others] = jobs
        const handler = {
          "in turn": Effect.all(jobs, { discard: true }),
          "at once": Effect.all(jobs, { concurrency: "unbounded", discard: true }),
          interrupted: Effect.all(
            [Effect.raceFirst(first ?? Effect.void, Effect.andThen(Effect.yieldNow, Effect.yieldNow)), ...others],
            { concurrency: "unbounded", discard: true }
          ),
          killed: Effect.all(jobs, { concurrency: "unbounded", discard: true })
        }[step.kind]
        if (step.kind === "killed") {
          slots.release(slot)
          yield* handler
          return
        }
        yield* handler
        slots.waits(slot, false)
        compute(1)
      }).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            if (slot.isReleased) return
            compute(-1)
            slots.release(slot)
          })
        ),
        Effect.uninterruptible
      )

    yield* Effect.all([job(0, 0, []), job(1, 0, []), job(2, 0, [])], {
      concurrency: "unbounded",
      discard: true
    })
    assert.isAtMost(most, size)
    assert.deepStrictEqual([computing, slots.queued], [0, 0])
    let free = 0
    for (let time = 0; time <= size; time++) slots.acquire([], () => void free++)
    assert.deepStrictEqual([free, slots.queued], [size, 1])
  })

/** There are no timers in it: what has not ended after so many turns waits for itself, and cannot be interrupted. */
const doesEnd = (program: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkDetach(program)
    for (let turn = 0; turn < 2_000 && fiber.pollUnsafe() === undefined; turn++) yield* Effect.yieldNow
    yield* fiber.pollUnsafe() ?? Effect.die(new Error("it hangs"))
  })

describe("a tree of jobs within handlers of jobs", () => {
  it.effect.prop(
    "ends, with never more that compute than there are slots, and all slots free",
    [steps, Arbitrary.schema(int(1, 3))],
    ([steps, size]) => doesEnd(ends(steps, size)),
    { arbitrary: { runs: 500, size: 12 } }
  )
})
