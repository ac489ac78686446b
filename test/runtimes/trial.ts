/** Tries everything in a place: each package in a process of its own, so that one which ends badly takes no other along. */
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import * as Places from "./places.ts"
import type { Told } from "./program.ts"
import { type Smoked, smokes } from "./smokes.ts"

/** What a package does: a row of the table. */
export interface Row {
  readonly subject: Smoked
  readonly feature: string
}

/** Whether that works in one place, or what was wrong. */
export interface Outcome extends Row, Told {
  readonly place: Places.PlaceName
}

export const subjects: ReadonlyArray<Smoked> = Object.keys(smokes).filter((name): name is Smoked => name in smokes)

const lawful = "the laws of every handler"
const leaving = {
  exit: { feature: "`process.exit` while somebody waits", code: 7 },
  throw: { feature: "an error that nobody catches while somebody waits", code: 1 }
} as const

/** What is tried of green-core in programs of its own. */
const ofItsOwn: ReadonlyArray<string> = [lawful, leaving.exit.feature, leaving.throw.feature]
const ending = "the process ends by itself"

interface Ended {
  readonly lines: ReadonlyArray<string>
  readonly code: unknown
  /** How, if not by itself with code 0. */
  readonly problem: string | undefined
}

/** The longest that a process may take, in milliseconds. */
const bound = 120_000

const run = (place: Places.Place, file: URL, ...args: ReadonlyArray<string>): Effect.Effect<Ended> =>
  Effect.callback<Ended>((resume) => {
    const [program = "", ...rest] = place.command(file, ...args)
    const env = { ...process.env, NO_COLOR: "1", ...place.env }
    const options = { env, timeout: bound, killSignal: "SIGKILL", maxBuffer: 1 << 26 } as const
    const child = execFile(program, rest, options, (error, stdout, stderr) => {
      const lines = stdout.split("\n").filter((line) => line.startsWith("{"))
      const problem = error === null ? undefined : endingOf(error, stderr)
      resume(Effect.succeed({ lines, code: error === null ? 0 : error.code, problem }))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const endingOf = (
  error: { readonly killed?: boolean; readonly code?: unknown; readonly signal?: unknown },
  stderr: string
) => {
  if (error.killed === true) return `it has not ended after ${bound / 1000} s`
  const said = stderr.split("\n").findLast((line) => /error/i.test(line))
  return `it ended with ${String(error.signal ?? error.code)}${said === undefined ? "" : `: ${said.trim()}`}`
}

const laws = new URL("../../packages/green-core/test/runtimes/laws.ts", import.meta.url)
const leaves = new URL("../../packages/green-core/test/runtimes/leaves.ts", import.meta.url)
const program = new URL("program.ts", import.meta.url)

/** All rows of the table, as Node tells them. */
export const rows: Effect.Effect<ReadonlyArray<Row>> = Effect.gen(function* () {
  const { lines, problem } = yield* run(Places.node, program)
  if (problem !== undefined) return yield* Effect.die(new Error(`what there is to try is not told: ${problem}`))
  const told = lines.map((line): Row => JSON.parse(line))
  return [
    ...ofItsOwn.map((feature): Row => ({ subject: "green-core", feature })),
    ...subjects.flatMap((subject) => told.filter((row) => row.subject === subject).concat({ subject, feature: ending }))
  ]
})

/** The laws of the handlers of green-core: whether all of them hold. */
export const tryLaws = (place: Places.Place): Effect.Effect<Outcome> =>
  Effect.map(run(place, laws), ({ lines, problem }) => {
    const told = lines.map((line): { readonly law: string; readonly result: string } => JSON.parse(line))
    const broken = told.filter(({ result }) => result === "broken").map(({ law }) => law)
    const wrong =
      problem ??
      (told.length === 0 ? "nothing was said" : broken.length > 0 ? `broken: ${broken.join("; ")}` : undefined)
    return outcome(place, "green-core", lawful, wrong)
  })

/** Whether the process ends, and with its code, when it is left while somebody waits. */
export const tryLeaving = (place: Places.Place, how: keyof typeof leaving): Effect.Effect<Outcome> =>
  Effect.map(run(place, leaves, how), ({ code, problem }) =>
    outcome(
      place,
      "green-core",
      leaving[how].feature,
      code === leaving[how].code ? undefined : (problem ?? "it ended with 0")
    )
  )

const outcome = (place: Places.Place, subject: Smoked, feature: string, problem: string | undefined): Outcome => ({
  subject,
  place: place.name,
  feature,
  ...(problem === undefined ? {} : { problem })
})

/** All that a package does by the rows, and whether the process ends by itself. */
export const tryPackage = (
  place: Places.Place,
  subject: Smoked,
  rows: ReadonlyArray<Row>
): Effect.Effect<ReadonlyArray<Outcome>> =>
  Effect.map(run(place, program, subject), ({ lines, problem }) => {
    const told = new Map(lines.map((line): Told => JSON.parse(line)).map((each) => [each.feature, each]))
    return rows.flatMap((row) => {
      if (row.subject !== subject || ofItsOwn.includes(row.feature)) return []
      if (row.feature === ending) return [outcome(place, subject, ending, problem)]
      const said = told.get(row.feature)
      return [
        outcome(place, subject, row.feature, said === undefined ? (problem ?? "nothing was said of it") : said.problem)
      ]
    })
  })
