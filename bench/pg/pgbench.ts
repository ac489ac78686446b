/**
 * pgbench, PostgreSQL's own benchmark, in C: what libpq reaches. Every slice is a run of it, on connections of its own;
 * what it tells leaves out the time to connect. It is `pgbench` on the PATH, or what the variable PGBENCH names.
 */
import { execFile, execFileSync } from "node:child_process"
import { promisify } from "node:util"
import type { Row, Side } from "../harness.ts"
import { type Comparison, type Slice, speed } from "./contest.ts"
import type { Server } from "./server.ts"
import { hundred, texts } from "./works.ts"

const run = promisify(execFile)

const program = process.env["PGBENCH"] ?? "pgbench"

const version = (): string | undefined => {
  try {
    return /\d[\d.]*/.exec(execFileSync(program, ["--version"], { encoding: "utf8" }))?.[0]
  } catch {
    return undefined
  }
}

/** One statement, prepared; or a hundred of them in a pipeline, with one Sync at its end. */
const scripts = {
  select: { script: `${texts.select};\n`, statements: 1 },
  pipeline: { script: `\\startpipeline\n${`${texts.select};\n`.repeat(hundred)}\\endpipeline\n`, statements: hundred }
}

/** A side whose slices are so many of the script for every connection; `undefined` where there is no pgbench. */
export const pgbench = (
  server: Server,
  kind: keyof typeof scripts,
  options: { readonly connections: number; readonly times: number }
): Side<Slice> | undefined => {
  const found = version()
  if (found === undefined) return undefined
  const { script, statements } = scripts[kind]
  const parameters = [
    ...["--no-vacuum", "--protocol=prepared", "--file=-", "--jobs=1"],
    ...[`--client=${options.connections}`, `--transactions=${options.times}`],
    ...[`--host=${server.socketDirectory}`, `--port=${server.port}`, `--username=${server.user}`, server.database]
  ]
  return {
    name: `pgbench ${found}`,
    round: async () => {
      const running = run(program, parameters, { encoding: "utf8" })
      running.child.stdin?.end(script)
      const { stdout } = await running
      const transactions = /tps = ([\d.]+) \((?:without|excluding)/.exec(stdout)?.[1]
      if (transactions === undefined) throw new Error(`pgbench says ${stdout}`)
      return { wall: 1e6 / (Number(transactions) * statements), cpu: undefined, server: undefined }
    }
  }
}

/** The row of a comparison with it, which says so where there is none. */
export const againstPgbench = (
  figures: (side: Side<Slice>) => ReadonlyArray<Slice>,
  { against, ...rest }: Omit<Comparison, "against"> & { readonly against: Side<Slice> | undefined }
): Row =>
  against === undefined
    ? {
        measure: `${rest.measure}, queries a second`,
        ours: "–",
        against: `pgbench: there is no ${program}`,
        unit: "x",
        ...(rest.target === undefined ? {} : { target: rest.target })
      }
    : speed(figures, { ...rest, against })
