/**
 * The programs that are compared, each a process of its own, and the rows of what they took.
 *
 * They take turns in short slices: a round trip between threads takes five times as long when the system has to wake a
 * processor that sleeps, and which of the two it is changes by the second.
 */
import { fork } from "node:child_process"
import { converse } from "../conversation.ts"
import { alternate, ratioRow, type Row, type Scale, type Side, summary, type Target } from "../harness.ts"
import type { Slice, Task } from "./programs/answer.ts"

/** The process of a program. */
export interface Contender {
  readonly name: string
  readonly round: (task: Task) => Promise<Slice>
  readonly close: () => void
}

/** Starts a program, without the condition that leads to sources. */
export const contender = async (
  name: string,
  program: URL,
  ...parameters: ReadonlyArray<string>
): Promise<Contender> => {
  const child = fork(program, parameters, { execArgv: [], serialization: "advanced" })
  const round = await converse<Task, Slice>(name, child)
  return { name, round, close: () => child.kill() }
}

/** How the slices of a measure are. */
export interface Slices {
  /** How many operations there are in a slice, and in the one before all others, in which code is compiled. */
  readonly operations: number
  readonly warmUp: number
  /** How many slices there are for every round of the harness. */
  readonly times: number
}

/** What the slices of a contender took. */
export type Figures = (contender: Contender) => ReadonlyArray<Slice>

/** Slices of all contenders in turn, which are then closed. */
export const contest = async (
  scale: Scale,
  work: string,
  { operations, times, warmUp }: Slices,
  contenders: ReadonlyArray<Contender>
): Promise<Figures> => {
  const task = { work, operations: scale.count(operations) }
  const sides = new Map(
    contenders.map((each): [Contender, Side<Slice>] => [each, { name: each.name, round: () => each.round(task) }])
  )
  for (const each of contenders) await each.round({ work, operations: scale.count(warmUp) })
  const figures = await alternate({ ...scale, rounds: scale.rounds * times }, [...sides.values()])
  for (const each of contenders) each.close()
  return (contender) => {
    const side = sides.get(contender)
    return side === undefined ? [] : figures(side)
  }
}

/** A comparison of two contenders, and what is wanted of it. */
export interface Comparison {
  readonly measure: string
  readonly ours: Contender
  readonly against: Contender
  readonly target?: Target
}

/** By the clock, in the same round. */
export const wall = (figures: Figures, comparison: Comparison): Row =>
  ratioRow({
    ...comparison,
    measure: `${comparison.measure}, by the clock`,
    figures: (side) => figures(side).map((slice) => slice.wall),
    unit: "us"
  })

/** The CPU time of the whole process, in the same round. */
export const cpu = (figures: Figures, { against, measure, ours }: Comparison): Row =>
  ratioRow({
    measure: `${measure}, CPU`,
    ours,
    against,
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

/** The fastest tenth of the slices of both: those in which no processor had to be woken, and nobody else worked. */
export const fastest = (figures: Figures, { against, measure, ours }: Comparison): Row => {
  const tenth = (side: Contender): number => {
    const walls = figures(side)
      .map((slice) => slice.wall)
      .toSorted((one, other) => one - other)
    return summary(walls.slice(0, Math.ceil(walls.length / 10))).median
  }
  return ratioRow({
    measure: `${measure}, the fastest tenth, by the clock`,
    ours,
    against,
    figures: (side) => [tenth(side)],
    unit: "us"
  })
}
