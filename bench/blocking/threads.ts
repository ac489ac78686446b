/**
 * What a thread costs that waits in a job: memory and start. Of a job that imports nothing, against a bare worker that
 * does the same; of one that performs operations, against a worker that imports these, and with them Effect.
 *
 * Every round is a process of its own, with sixteen threads.
 */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { alternate, type Measure, ratioRow, type Row, type Side, type Target } from "../harness.ts"
import { build } from "./built.ts"
import type { ThreadCost } from "./programs/threads.ts"

const run = promisify(execFile)

export const measure: Measure = async (full) => {
  const program = fileURLToPath(build()("threads"))
  const scale = { ...full, warmUps: 0, rounds: Math.min(full.rounds, 7) }
  const count = scale.rounds === 1 ? 2 : 16
  const side = (name: string): Side<ThreadCost> => ({
    name,
    round: async () => {
      const { stdout } = await run(process.execPath, ["--expose-gc", program, name, String(count)])
      return JSON.parse(stdout)
    }
  })
  const plain = side("green, plain")
  const operations = side("green, operations")
  const bare = side("bare")
  const effect = side("effect")
  const figures = await alternate(scale, [plain, bare, operations, effect])

  const rows = (
    name: string,
    ours: Side<ThreadCost>,
    against: Side<ThreadCost>,
    memory: Target,
    start: Target
  ): ReadonlyArray<Row> => [
    ratioRow({
      measure: `memory of a thread, ${name}`,
      ours,
      against,
      figures: (side) => figures(side).map((cost) => cost.memory),
      unit: "MB",
      target: memory
    }),
    ratioRow({
      measure: `start of a thread, ${name}`,
      ours,
      against,
      figures: (side) => figures(side).map((cost) => cost.start),
      unit: "ms",
      target: start
    })
  ]
  return [
    ...rows("no Effect", plain, bare, { relation: "<=", must: 3, aim: 2 }, { relation: "<=", must: 5, aim: 3 }),
    ...rows("operations", operations, effect, { relation: "<=", must: 1.1 }, { relation: "<=", must: 1.2 })
  ]
}
