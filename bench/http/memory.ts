/**
 * The most memory that is resident while a body of 1 GB is streamed, down and up, against one of 250 MB, which is long
 * enough for everything that grows with the time to have grown. Every transfer is a process of its own.
 */
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { alternate, type Measure, ratioRow, type Scale, type Side } from "../harness.ts"
import { server } from "./clients.ts"

const program = fileURLToPath(new URL("transfer.ts", import.meta.url))
const run = promisify(execFile)

const rows = Effect.fnUntraced(function* (full: Scale) {
  const scale = { ...full, warmUps: 0, rounds: Math.min(full.rounds, 5) }
  const url = yield* server("large")
  const side = (direction: "down" | "up", size: number): Side => ({
    name: `${size / 1e6} MB`,
    round: async () => {
      const parameters = [...process.execArgv, program, direction, String(size), url.href]
      const { stdout } = await run(process.execPath, parameters, { encoding: "utf8" })
      return Number(stdout) / 1e6
    }
  })
  const [long, short] = [scale.count(1_000_000_000), scale.count(250_000_000)]
  const down = { long: side("down", long), short: side("down", short) }
  const up = { long: side("up", long), short: side("up", short) }
  const figures = yield* Effect.promise(() => alternate(scale, [down.short, down.long, up.short, up.long]))
  const row = (measure: string, { long, short }: { readonly long: Side; readonly short: Side }) =>
    ratioRow({
      measure,
      ours: long,
      against: short,
      figures,
      unit: "MB",
      target: { relation: "<=", must: 1.25, aim: 1.1 }
    })
  return [row("resident memory for a body of 1 GB, down", down), row("resident memory for a body of 1 GB, up", up)]
})

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
