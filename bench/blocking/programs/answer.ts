/**
 * How a program answers: it says that it is ready, then does the task of every message, and tells what it took.
 */

/** What a slice is to be: so many operations. */
export interface Task {
  readonly work: string
  readonly operations: number
}

/** What one operation took, in microseconds: by the clock, and of the CPU of the whole process. */
export interface Slice {
  readonly wall: number
  readonly cpu: number
}

/** Does so many operations: how long it took in milliseconds, if the program has a clock nearer to it than this one. */
export type Work = (operations: number) => Promise<number | void> | number | void

/** Answers for as long as it is asked. */
export const answer = (works: Readonly<Record<string, Work>>): void => {
  const perform = async ({ operations, work }: Task): Promise<Slice> => {
    const f = works[work]
    if (f === undefined) throw new Error(`there is no work "${work}"`)
    const before = process.cpuUsage()
    const start = performance.now()
    const told = await f(operations)
    const milliseconds = told ?? performance.now() - start
    const { system, user } = process.cpuUsage(before)
    return { wall: (milliseconds * 1000) / operations, cpu: (user + system) / operations }
  }
  process.on("message", (task: Task) => void perform(task).then((slice) => process.send?.(slice)))
  // Its threads would keep it up when nobody asks any more.
  process.once("disconnect", () => process.exit())
  process.send?.("ready")
}
