/** The law of handlers: a program comes to the same on fibers of the host, and in a job that blocks its thread. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { green, GreenWorkers } from "green-blocking"
import { Green, WaitFd } from "green-core"
import { kinds, LawOps, Odd, outcome, type Step } from "./fixtures/lawOps.ts"

const url = new URL("./fixtures/lawJobs.ts", import.meta.url)
const load = () => import("./fixtures/lawJobs.ts")
const run = green(load, url, "run")
const promise = green(load, url, "promise")

const LawHandlers = LawOps.toLayer({
  Half: ({ n }) => Effect.andThen(Effect.sleep(n % 2), n % 2 === 0 ? Effect.succeed(n / 2) : new Odd({ n })),
  Halves: ({ n }) =>
    Stream.range(1, n).pipe(
      Stream.mapEffect((each) => (each === 5 ? new Odd({ n: each }) : Effect.as(Effect.yieldNow, each / 2)))
    ),
  InterruptItself: () => Effect.interrupt,
  Die: ({ n }) => Effect.die(new Error(`the handler died ${n}`))
})

const World = GreenWorkers.layer(LawOps, { size: 1 }).pipe(
  Layer.provideMerge(LawHandlers),
  Layer.provideMerge(Green.layer)
)

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const programs = Arbitrary.array(
  Arbitrary.map(
    Arbitrary.schema(Schema.Struct({ kind: int(0, kinds.length - 1), n: int(0, 6) })),
    ({ kind, n }): Step => ({ kind: kinds[kind] ?? "value", n })
  ),
  { maxLength: 12 }
)

it.layer(World, { excludeTestServices: true })("a program over descriptors, time, values and operations", (it) => {
  it.effect.prop(
    "comes to the same on the host and in a worker",
    [programs],
    ([steps]) =>
      Effect.gen(function* () {
        const onHost = yield* outcome(steps)
        const inWorker = yield* run(steps)
        assert.deepStrictEqual(inWorker, onHost)
        assert.deepStrictEqual(yield* WaitFd.statistics, { readers: 0, writers: 0, descriptors: 0 })
      }),
    { arbitrary: { runs: 150 } }
  )

  describe.each(kinds)("that is one step: %s", (kind) => {
    it.effect("comes to the same", () =>
      Effect.gen(function* () {
        for (const n of [0, 3, 6]) {
          const steps = [{ kind, n }]
          assert.deepStrictEqual(yield* run(steps), yield* outcome(steps))
        }
      })
    )
  })

  it.effect("cannot wait for a promise in a worker, and fails CannotBlockOn", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* promise(), "CannotBlockOn")
    })
  )
})
