/**
 * The programs that are compared, each a process of its own, and the rows of what they took.
 *
 * They take turns in short slices: a round trip between threads takes five times as long when the system has to wake a
 * processor that sleeps, and which of the two it is changes by the second.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { ratioRow, type Row, type Side, summary, type Target } from "../harness.ts"
import type { Slice, Task } from "./programs/answer.ts"

/** The process of a program. */
export interface Contender {
  readonly does: (task: Task) => Side<Slice>
  readonly close: () => void
}

/** Starts a program, without the condition that leads to sources. */
export const contender = async (name: string, program: URL, ...parameters: ReadonlyArray<string>): Promise<Contender> => {
  const child = fork(program, parameters, { execArgv: [], serialization: "advanced" })
  const ended = once(child, "exit").then(([code, signal]) =>
    Promise.reject(new Error(`${name} ended with ${code ?? signal}`))
  )
  // One that is closed has nothing more to say.
  ended.catch(() => {})
  await Promise.race([once(child, "message"), ended])
  const round = async (task: Task): Promise<Slice> => {
    const answer = Promise.race([once(child, "message"), ended])
    child.send(task)
    const [slice]: ReadonlyArray<Slice> = await answer
    if (slice === undefined) throw new Error(`${name} gave no answer`)
    return slice
  }
  return { does: (task) => ({ name, round: () => round(task) }), close: () => child.kill() }
}

/** A comparison of two sides, and what is wanted of it. */
export interface Comparison {
  readonly measure: string
  readonly ours: Side<Slice>
  readonly against: Side<Slice>
  readonly target?: Target
}

type Figures = (side: Side<Slice>) => ReadonlyArray<Slice>

/** By the clock, in the same round. */
export const wall = (figures: Figures, comparison: Comparison): Row =>
  ratioRow({
    ...comparison,
    measure: `${comparison.measure}, by the clock`,
    figures: (side) => figures(side).map((slice) => slice.wall),
    unit: "us"
  })

/** The CPU time of the whole process, in the same round. */
export const cpu = (figures: Figures, comparison: Comparison): Row =>
  ratioRow({
    ...comparison,
    measure: `${comparison.measure}, CPU`,
    figures: (side) => figures(side).map((slice) => slice.cpu),
    unit: "us"
  })

/** How many a second. */
export const speed = (figures: Figures, comparison: Comparison): Row =>
  ratioRow({
    ...comparison,
    measure: `${comparison.measure}, a second`,
    figures: (side) => figures(side).map((slice) => 1000 / slice.wall),
    unit: "k/s"
  })

/** The fastest tenth of the slices of either: when no processor had to be woken. */
export const hot = (figures: Figures, comparison: Comparison): Row => {
  const fastest = (side: Side<Slice>): number => {
    const walls = figures(side)
      .map((slice) => slice.wall)
      .toSorted((one, other) => one - other)
    return summary(walls.slice(0, Math.ceil(walls.length / 10))).median
  }
  return ratioRow({
    ...comparison,
    measure: `${comparison.measure}, the fastest tenth, by the clock`,
    figures: (side) => [fastest(side)],
    unit: "us"
  })
}
