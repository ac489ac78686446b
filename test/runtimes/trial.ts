/** Tries everything in a place: each package in a process of its own, so that one which ends badly takes no other along. */
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import type { Place, PlaceName } from "./places.ts"
import type { Told } from "./program.ts"
import { type Smoked, smokes } from "./smokes.ts"

/** What a package does: a row of the table. */
export interface Row {
  readonly subject: Smoked
  readonly feature: string
}

/** Whether that works in one place, or what was wrong. */
export interface Outcome extends Row, Told {
  readonly place: PlaceName
}

export const subjects: ReadonlyArray<Smoked> = Object.keys(smokes).filter((name): name is Smoked => name in smokes)

const lawful = "the laws of every handler"
const ending = "the process ends by itself"

/** What there is to try of a package, the laws of green-core aside. */
const features = async (subject: Smoked): Promise<ReadonlyArray<string>> => [
  ...Object.keys((await smokes[subject]()).smoke),
  ending
]

/** All rows of the table. */
export const rows = async (): Promise<ReadonlyArray<Row>> => {
  const all: Array<Row> = [{ subject: "green-core", feature: lawful }]
  for (const subject of subjects) for (const feature of await features(subject)) all.push({ subject, feature })
  return all
}

interface Ended {
  readonly lines: ReadonlyArray<string>
  /** How, if not by itself with code 0. */
  readonly problem: string | undefined
}

/** The longest that a process may take, in milliseconds. */
const bound = 120_000

const run = (place: Place, file: URL, ...args: ReadonlyArray<string>): Effect.Effect<Ended> =>
  Effect.callback<Ended>((resume) => {
    const [program = "", ...rest] = place.command(file, ...args)
    const env = { ...process.env, NO_COLOR: "1", ...place.env }
    const options = { env, timeout: bound, killSignal: "SIGKILL", maxBuffer: 1 << 26 } as const
    const child = execFile(program, rest, options, (error, stdout, stderr) => {
      const lines = stdout.split("\n").filter((line) => line.startsWith("{"))
      resume(Effect.succeed({ lines, problem: error === null ? undefined : endingOf(error, stderr) }))
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
const program = new URL("program.ts", import.meta.url)

/** The laws of the handlers of green-core: whether all of them hold. */
export const tryLaws = (place: Place): Effect.Effect<Outcome> =>
  Effect.map(run(place, laws), ({ lines, problem }) => {
    const told = lines.map((line): { readonly law: string; readonly result: string } => JSON.parse(line))
    const broken = told.filter(({ result }) => result === "broken").map(({ law }) => law)
    const wrong =
      problem ??
      (told.length === 0 ? "nothing was said" : broken.length > 0 ? `broken: ${broken.join("; ")}` : undefined)
    return outcome(place, "green-core", lawful, wrong)
  })

const outcome = (place: Place, subject: Smoked, feature: string, problem: string | undefined): Outcome => ({
  subject,
  place: place.name,
  feature,
  ...(problem === undefined ? {} : { problem })
})

/** All that a package does, and whether the process ends by itself. */
export const tryPackage = (place: Place, subject: Smoked): Effect.Effect<ReadonlyArray<Outcome>> =>
  Effect.gen(function* () {
    const { lines, problem } = yield* run(place, program, subject)
    const told = new Map(lines.map((line): Told => JSON.parse(line)).map((each) => [each.feature, each]))
    const all = yield* Effect.promise(() => features(subject))
    return all.map((feature) => {
      if (feature === ending) return outcome(place, subject, feature, problem)
      const said = told.get(feature)
      return outcome(place, subject, feature, said === undefined ? (problem ?? "nothing was said of it") : said.problem)
    })
  })
