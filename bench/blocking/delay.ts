/**
 * How late the event loop of the host is while four jobs compute: against none, and against four threads of piscina. No
 * library can do much about it, for it is the system that shares out the processors.
 *
 * Every round is a process of its own.
 */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { alternate, type Measure, ratioRow, type Side } from "../harness.ts"
import { build } from "./built.ts"
import type { Delay } from "./programs/delay.ts"

const run = promisify(execFile)

export const measure: Measure = async (full) => {
  const program = fileURLToPath(build()("delay"))
  const scale = { ...full, warmUps: 0, rounds: Math.min(full.rounds, 7) }
  const milliseconds = Math.max(100, scale.count(2_000))
  const side = (name: string, kind: string): Side<Delay> => ({
    name,
    round: async () => {
      const { stdout } = await run(process.execPath, [program, kind, String(milliseconds)])
      return JSON.parse(stdout)
    }
  })
  const green = side("4 jobs", "green")
  const none = side("none", "none")
  const piscina = side("piscina", "piscina")
  const figures = await alternate(scale, [green, none, piscina])
  return [none, piscina].map((against) =>
    ratioRow({
      measure: "delay of the event loop while 4 jobs compute, p99",
      ours: green,
      against,
      figures: (side) => figures(side).map((delay) => delay.p99),
      unit: "ms"
    })
  )
}
