/**
 * The process of one side of `results.ts`: `contender.ts <side> <count>` performs so many tasks at every message, and
 * answers how long that took and the CPU time, in microseconds a task.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { GreenPool } from "green-pool"
import { once } from "node:events"
import pLimit from "p-limit"
import PQueue from "p-queue"
import { type Cost, workers } from "./tasks.ts"

const [, , name = "", count] = process.argv
/** Takes one turn of the microtask queue, and gives a value. */
const job = async (): Promise<object> => {
  // oxlint-disable-next-line unicorn/no-unnecessary-await -- The await is the tick.
  await null
  return sides
}
const task = Effect.promise(job)
const items = Array.from({ length: Number(count) }, (_, index) => index)

/** Each performs a task for every item: how many results there are. */
const sides: Readonly<Record<string, (pool: GreenPool.GreenPool) => Promise<number>>> = {
  map: async (pool) => {
    const results = await Effect.runPromise(pool.map(items, () => task))
    return results.length
  },
  "submitUnsafe, join, poll": async (pool) => {
    const tasks = items.map(() => pool.submitUnsafe(task))
    await Effect.runPromise(pool.join)
    return tasks.map((each) => each.poll()).filter((exit) => exit !== undefined && Exit.isSuccess(exit)).length
  },
  "p-limit": async () => {
    const limit = pLimit(workers)
    const results = await Promise.all(items.map(() => limit(job)))
    return results.length
  },
  "p-queue": async () => {
    const queue = new PQueue({ concurrency: workers })
    const results = await Promise.all(items.map(() => queue.add(job)))
    return results.length
  }
}

const round = async (pool: GreenPool.GreenPool): Promise<Cost> => {
  const before = process.cpuUsage()
  const start = performance.now()
  const results = await sides[name]?.(pool)
  const wall = ((performance.now() - start) * 1e3) / items.length
  const { system, user } = process.cpuUsage(before)
  if (results !== items.length) throw new Error(`${name}: ${results} results of ${items.length}`)
  return { wall, cpu: (user + system) / items.length }
}

const program = Effect.gen(function* () {
  const pool = yield* GreenPool.make({ maxWorkers: workers })
  for (;;) {
    yield* Effect.promise(() => once(process, "message"))
    process.send?.(yield* Effect.promise(() => round(pool)))
  }
})

await Effect.runPromise(Effect.scoped(program))
