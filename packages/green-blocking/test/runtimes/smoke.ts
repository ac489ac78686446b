/** What green-blocking does, each thing once: `npm run test:runtimes` tries it on every runtime. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import { green, GreenWorkers } from "green-blocking"
import { strictEqual } from "node:assert"
import { Operations } from "./operations.ts"

const file = new URL("./jobs.ts", import.meta.url)
const load = () => import("./jobs.ts")
const add = green(load, file, "add")
const double = green(load, file, "double")
const sum = green(load, file, "sum")
const wait = green(load, file, "wait")
const spin = green(load, file, "spin")

const Handlers = Operations.toLayer({
  Double: ({ value }) => Effect.delay(Effect.succeed(value * 2), "1 millis"),
  Count: ({ to }) => Stream.range(1, to),
  Never: () => Effect.never
})

/** One pool for all that follows, of one thread. The last thing that is tried ends it. */
const runtime = ManagedRuntime.make(
  GreenWorkers.layer(Operations, { size: 1, grace: "20 millis" }).pipe(Layer.provide(Handlers))
)

const inThreads =
  <E>(program: Effect.Effect<void, E, GreenWorkers>) =>
  () =>
    runtime.runPromise(program)

/** Is interrupted; then the pool does the next job. */
const interrupted = <E>(job: Effect.Effect<void, E, GreenWorkers>) =>
  Effect.gen(function* () {
    strictEqual((yield* Effect.timeoutOption(job, "50 millis"))._tag, "None")
    strictEqual(yield* add(1, 2), 3)
  })

export const smoke = {
  "a job": inThreads(Effect.map(add(1, 2), (value) => strictEqual(value, 3))),
  "a job that performs an operation": inThreads(Effect.map(double(2), (value) => strictEqual(value, 4))),
  "a job that performs a stream": inThreads(Effect.map(sum(100), (value) => strictEqual(value, 5050))),
  "a waiting job that is interrupted": inThreads(interrupted(wait())),
  "a computing job that is interrupted": inThreads(interrupted(spin())),
  "the pool ends with its scope": () => runtime.dispose()
}
