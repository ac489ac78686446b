/**
 * Resident memory of a descriptor that is watched and never ready, with the fiber that waits for it.
 *
 * Every round is a process of its own. The kernel's memory is not in it. A fiber that waits for nothing is told beside,
 * for it is most of it.
 */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { alternate, type Measure, type Side, summary } from "../harness.ts"

export const measure: Measure = async (scale) => {
  const count = scale.count(10_000)
  const side = (kind: string): Side => ({
    name: kind,
    round: async () =>
      Number(
        execFileSync(
          process.execPath,
          [...process.execArgv, fileURLToPath(new URL("waiters.ts", import.meta.url)), kind, String(count)],
          { encoding: "utf8" }
        )
      ) / 1000
  })
  const waitFd = side("waitFd")
  const never = side("never")
  const figures = await alternate(scale, [waitFd, never])
  const figure = summary(figures(waitFd))
  return [
    {
      measure: `resident memory per idle waiter, of ${count}`,
      ours: `${figure.median.toFixed(2)} kB`,
      against: `Effect.never: ${summary(figures(never)).median.toFixed(2)} kB`,
      unit: " kB",
      figure,
      target: { relation: "<=", must: 2.5, aim: 1.5 }
    }
  ]
}
