/**
 * Resident memory of a descriptor that is watched and never ready, with the fiber that waits for it. The kernel's
 * memory is not in it. A fiber that waits for nothing is told beside.
 *
 * Every round is a process of its own. Starting so many fibers also makes V8's young generation grow, which stays so
 * and has nothing to do with how many wait: hence a second row, in which it cannot.
 */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { alternate, type Measure, type Side, summary } from "../harness.ts"

const program = fileURLToPath(new URL("waiters.ts", import.meta.url))

export const measure: Measure = async (scale) => {
  const count = scale.count(10_000)
  const side = (kind: "waitFd" | "never", ...flags: ReadonlyArray<string>): Side => ({
    name: kind,
    round: async () => {
      const parameters = [...process.execArgv, ...flags, program, kind, String(count)]
      return Number(execFileSync(process.execPath, parameters, { encoding: "utf8" })) / 1000
    }
  })
  const waiting = side("waitFd")
  const never = side("never")
  const small = "--max-semi-space-size=1"
  const waitingInSmall = side("waitFd", small)
  const neverInSmall = side("never", small)
  // A process is not faster the second time, and its memory varies little.
  const few = { ...scale, warmUps: 0, rounds: Math.min(scale.rounds, 7) }
  const figures = await alternate(few, [waiting, never, waitingInSmall, neverInSmall])

  const row = (measure: string, ours: Side, other: Side) => {
    const figure = summary(figures(ours))
    return {
      measure,
      ours: `${figure.median.toFixed(2)} kB`,
      against: `Effect.never: ${summary(figures(other)).median.toFixed(2)} kB`,
      unit: " kB",
      figure,
      target: { relation: "<=" as const, must: 2.5, aim: 1.5 }
    }
  }
  return [
    row(`resident memory per idle waiter, of ${count}`, waiting, never),
    row("the same, young generation of 1 MiB", waitingInSmall, neverInSmall)
  ]
}
