/**
 * `wait` of a promise, a callback and a value, in a loop of one fiber, against Effect's own.
 *
 * The source is the same on every side: a settled promise, or its `then`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Green, type Wait, wait } from "green-core"
import { alternate, cpuSide, type Measure, ratioRow, type Scale, type Side } from "../harness.ts"

const settled = Promise.resolve(1)

const loop = Effect.fnUntraced(function* (times: number, one: () => Effect.Effect<unknown, unknown, Wait>) {
  for (let time = 0; time < times; time++) yield* one()
})

const rows = Effect.fnUntraced(function* (scale: Scale) {
  const times = scale.count(100_000)
  const run = Effect.runPromiseWith(yield* Effect.context<Wait>())
  const side = (name: string, one: () => Effect.Effect<unknown, unknown, Wait>): Side =>
    cpuSide(name, times, () => run(loop(times, one)))

  const promise = side("wait(promise)", () => wait(settled))
  const evaluated = side("wait(() => promise)", () => wait(() => settled))
  const callback = side("wait.callback", () =>
    wait.callback<number>((resume) => {
      void settled.then((value) => resume(Exit.succeed(value)))
    })
  )
  const value = side("wait(value)", () => wait(1))
  const effectPromise = side("Effect.promise", () => Effect.promise(() => settled))
  const effectCallback = side("Effect.callback", () =>
    Effect.callback<number>((resume) => {
      void settled.then((value) => resume(Effect.succeed(value)))
    })
  )
  const succeed = side("Effect.succeed", () => Effect.succeed(1))

  const figures = yield* Effect.promise(() =>
    alternate(scale, [effectPromise, promise, evaluated, callback, effectCallback, succeed, value])
  )
  const row = (ours: Side, against: Side, must?: number, aim?: number) =>
    ratioRow({
      measure: ours.name,
      ours,
      against,
      figures,
      unit: "us",
      ...(must === undefined || aim === undefined ? {} : { target: { relation: "<=" as const, must, aim } })
    })
  return [
    row(promise, effectPromise, 1.6, 1.25),
    row(evaluated, effectPromise, 1.6, 1.25),
    row(callback, effectPromise, 1.3, 1),
    row(callback, effectCallback),
    row(value, succeed)
  ]
})

export const measure: Measure = (scale) => Effect.runPromise(rows(scale).pipe(Effect.provide(Green.layer)))
