/**
 * The tasks that every measure gives to the pools, and how their speed is taken.
 */
import * as Effect from "effect/Effect"
import type { Scale, Side } from "../harness.ts"

/** So many tasks run at a time, on every side. */
export const workers = 100

/** Takes one turn of the microtask queue. */
export const job = async (): Promise<void> => {
  // oxlint-disable-next-line unicorn/no-unnecessary-await -- The await is the tick.
  await null
}

/** The same as an Effect, shared by all tasks as the function is. */
export const task: Effect.Effect<void> = Effect.promise(job)

/** What a task took, by the clock and in CPU time with that of helper threads, in microseconds. */
export interface Cost {
  readonly wall: number
  readonly cpu: number
}

/** Makes sides whose figure is the speed by the clock, in millions a second, and keeps the CPU time of each beside. */
export const meter = (
  scale: Scale
): {
  readonly side: (name: string, operations: number, run: () => Promise<unknown>) => Side
  /** Microseconds per operation, helper threads included. */
  readonly cpu: (side: Side) => ReadonlyArray<number>
} => {
  const costs = new Map<Side, Array<number>>()
  return {
    side: (name, operations, run) => {
      const round = async (): Promise<number> => {
        // What another side has left behind is not charged to this one.
        globalThis.gc?.()
        const before = process.cpuUsage()
        const start = performance.now()
        await run()
        const milliseconds = performance.now() - start
        const { system, user } = process.cpuUsage(before)
        costs.get(side)?.push((user + system) / operations)
        return operations / milliseconds / 1e3
      }
      const side: Side = { name, round }
      costs.set(side, [])
      return side
    },
    cpu: (side) => costs.get(side)?.slice(scale.warmUps) ?? []
  }
}

/** A round lasts seconds, so there are few. */
export const few = (scale: Scale, rounds: number): Scale => ({
  ...scale,
  warmUps: Math.min(scale.warmUps, 1),
  rounds: Math.min(scale.rounds, rounds)
})
