/**
 * How late a timer of one millisecond is while a pool is flooded with tasks that never suspend: the worst of a flood.
 */
import * as Effect from "effect/Effect"
import { GreenPool } from "green-pool"
import { alternate, type Measure, type Scale, type Side, summary } from "../harness.ts"
import { few, workers } from "./tasks.ts"

const nothing = Effect.sync(() => undefined)

/** Sets one timer after the other until `stop`, which answers how late they were. */
const watchTimers = (): { readonly stop: () => ReadonlyArray<number> } => {
  const late: Array<number> = []
  let due: number
  let timer: NodeJS.Timeout
  const set = (): void => {
    due = performance.now() + 1
    timer = setTimeout(ring, 1)
  }
  const ring = (): void => {
    late.push(performance.now() - due)
    set()
  }
  set()
  return {
    stop: () => {
      clearTimeout(timer)
      late.push(performance.now() - due)
      return late
    }
  }
}

const rows = Effect.fnUntraced(function* (full: Scale) {
  const scale = few(full, 9)
  const count = scale.count(300_000)
  const items = Array.from({ length: count }, (_, index) => index)
  const pool = yield* GreenPool.make({ maxWorkers: workers })
  const usual = new Map<Side, Array<number>>()

  const flood = (name: string, prepare: () => Promise<unknown>, run: () => Promise<unknown>): Side => {
    const medians: Array<number> = []
    const side: Side = {
      name,
      round: async () => {
        await prepare()
        const timers = watchTimers()
        await run()
        const { median, most } = summary(timers.stop())
        medians.push(median)
        return most
      }
    }
    usual.set(side, medians)
    return side
  }
  const queued = flood(
    "queued tasks",
    async () => {
      await Effect.runPromise(pool.pause)
      for (let submitted = 0; submitted < count; submitted++) pool.submitUnsafe(nothing)
    },
    () => Effect.runPromise(Effect.andThen(pool.resume, pool.join))
  )
  const map = flood(
    "map",
    async () => undefined,
    () => Effect.runPromise(pool.map(items, () => nothing, { discard: true }))
  )

  const sides = [queued, map]
  const figures = yield* Effect.promise(() => alternate(scale, sides))
  return sides.map((side) => {
    const figure = summary(figures(side))
    return {
      measure: `the latest timer of a flood, ${side.name}`,
      ours: `${figure.median.toFixed(2)} ms`,
      against: `usually ${summary(usual.get(side)?.slice(scale.warmUps) ?? []).median.toFixed(2)} ms`,
      unit: " ms",
      figure,
      target: { relation: "<=" as const, must: 20 }
    }
  })
})

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
