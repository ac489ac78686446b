/**
 * `npm run bench -- <suite> [<measure> …] [--smoke]`: measures, and prints a table. Without a suite, lists what there is.
 *
 * `--smoke` runs everything with next to no operations: whether it runs, not how fast.
 */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { describe } from "./environment.ts"
import { type Row, table } from "./harness.ts"
import { suites } from "./suites.ts"

const { positionals, values } = parseArgs({ allowPositionals: true, options: { smoke: { type: "boolean" } } })
const [name = "", ...chosen] = positionals
const suite = suites[name]
const unknown = suite === undefined ? [] : chosen.filter((measure) => !(measure in suite))

const measure = (measure: string): Promise<ReadonlyArray<Row>> =>
  new Promise((resolve, reject) => {
    const child = fork(
      fileURLToPath(new URL("child.ts", import.meta.url)),
      [name, measure, values.smoke === true ? "smoke" : "full"],
      { execArgv: ["--conditions=green-source", "--expose-gc"], serialization: "advanced" }
    )
    let rows: ReadonlyArray<Row> | undefined
    child.once("message", (message: ReadonlyArray<Row>) => (rows = message))
    child.once("exit", (code, signal) =>
      rows === undefined ? reject(new Error(`${name} ${measure} ended with ${code ?? signal}`)) : resolve(rows)
    )
  })

if (suite === undefined || unknown.length > 0) {
  console.log("usage: npm run bench -- <suite> [<measure> …] [--smoke]\n")
  for (const [name, measures] of Object.entries(suites)) console.log(`${name}: ${Object.keys(measures).join(", ")}`)
  process.exitCode = positionals.length === 0 ? 0 : 1
} else {
  console.log(`${describe()}\n`)
  const rows: Array<Row> = []
  for (const each of chosen.length === 0 ? Object.keys(suite) : chosen) {
    if (process.stderr.isTTY) process.stderr.write(`${each} …\r`)
    rows.push(...(await measure(each)))
  }
  console.log(table(rows))
  if (values.smoke === true) console.log("\nA smoke run: the figures mean nothing.")
}
