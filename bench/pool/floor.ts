/**
 * A million tasks of one tick, a hundred at a time, without results: `map` with `discard` against a hundred async
 * functions that take plain functions from a ring buffer, which do the least that can be done.
 *
 * Told beside: the same tasks as bare fibers, without a pool, which is the least that any pool of fibers can cost; and
 * both with a task that is a callback instead of a promise.
 */
import * as Effect from "effect/Effect"
import { GreenPool } from "green-pool"
import { alternate, type Measure, ratioRow, type Scale, type Side, type Target } from "../harness.ts"
import { few, job, meter, task, workers } from "./tasks.ts"

const callback = Effect.callback<void>((resume) => queueMicrotask(() => resume(Effect.void)))

const ringBuffer = async (count: number): Promise<void> => {
  const size = 2 ** Math.ceil(Math.log2(count))
  const ring = new Array<(() => Promise<void>) | undefined>(size)
  for (let index = 0; index < count; index++) ring[index & (size - 1)] = job
  let next = 0
  const work = async (): Promise<void> => {
    while (next < count) {
      const place = next++ & (size - 1)
      const job = ring[place]
      ring[place] = undefined
      await job?.()
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
}

const bareFibers = (effect: Effect.Effect<void>, count: number, fork: typeof Effect.runFork): Promise<void> =>
  new Promise((resolve) => {
    let started = 0
    let ended = 0
    const start = (): void => {
      started++
      fork(effect).addObserver(end)
    }
    const end = (): void => {
      if (++ended === count) resolve()
      else if (started < count) start()
    }
    while (started < Math.min(workers, count)) start()
  })

const rows = Effect.fnUntraced(function* (full: Scale) {
  const scale = few(full, 7)
  const count = scale.count(1_000_000)
  const items = Array.from({ length: count }, (_, index) => index)
  const pool = yield* GreenPool.make({ maxWorkers: workers })
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const { side } = meter(scale)

  const mapped = (name: string, effect: Effect.Effect<void>) =>
    side(name, count, () => Effect.runPromise(pool.map(items, () => effect, { discard: true })))
  const bare = (name: string, effect: Effect.Effect<void>) => side(name, count, () => bareFibers(effect, count, fork))
  const floor = side("ring buffer", count, () => ringBuffer(count))
  const map = mapped("map, discard", task)
  const fibers = bare("bare fibers", task)
  const mapCallbacks = mapped("map, discard, callbacks", callback)
  const fibersOfCallbacks = bare("bare fibers, callbacks", callback)

  const figures = yield* Effect.promise(() => alternate(scale, [floor, map, fibers, mapCallbacks, fibersOfCallbacks]))
  const row = (ours: Side, against: Side, target?: Target) =>
    ratioRow({
      measure: `tasks without results, ${ours.name}`,
      ours,
      against,
      figures,
      unit: "M/s",
      ...(target === undefined ? {} : { target })
    })
  return [
    row(map, floor, { relation: ">=", must: 0.28, aim: 0.35 }),
    row(fibers, floor),
    row(map, fibers),
    row(mapCallbacks, floor),
    row(fibersOfCallbacks, floor)
  ]
})

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
