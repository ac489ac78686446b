/** What `npm run test:runtimes` tries, on Node and in its worker threads; and the table of docs/runtimes.md. */
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import * as Places from "./runtimes/places.ts"
import * as Table from "./runtimes/table.ts"
import * as Trial from "./runtimes/trial.ts"

const document = readFileSync(new URL("../docs/runtimes.md", import.meta.url), "utf8")
const results = Table.read(document)
const rows = await Effect.runPromise(Trial.rows)

const minute = 60_000

describe("every package", () => {
  it(
    "does on Node and in a worker thread what the table says",
    async () => {
      const trials = Trial.subjects.flatMap((subject) =>
        [Places.node, Places.nodeWorker].map((place) => Trial.tryPackage(place, subject, rows))
      )
      const outcomes = (await Effect.runPromise(Effect.all(trials, { concurrency: 2 }))).flat()
      expect(outcomes.filter(({ problem }) => problem !== undefined)).toEqual([])
      expect(outcomes.length).toBeGreaterThan(80)
    },
    2 * minute
  )
})

describe("the table", () => {
  it("has a row for all that is tried, and a column for each place", () => {
    expect([...results.versions.keys()]).toEqual([...Places.placeNames])
    for (const place of Places.placeNames) {
      const told = results.outcomes.filter((outcome) => outcome.place === place)
      expect(told.map(({ feature, subject }) => ({ subject, feature }))).toEqual(rows)
    }
  })

  it("is what the command writes", () => {
    const system = /^Tried on .*$/m.exec(document)?.[0] ?? ""
    expect(Table.replace(document, Table.render(rows, results, system))).toBe(document)
  })
})

describe("what was tried", () => {
  const row = { subject: "green-core", feature: "`wait`" } as const
  const works = (place: Places.PlaceName): Table.Results => ({
    versions: new Map([[place, "1.0.0"]]),
    outcomes: [{ ...row, place }]
  })
  const fails = (place: Places.PlaceName, problem: string): Table.Results => ({
    versions: new Map([[place, "2.0.0"]]),
    outcomes: [{ ...row, place, problem }]
  })
  const written = (known: Table.Results) => Table.replace(document, Table.render([row], known, "Tried."))

  it("is read as it was written, with what was wrong", () => {
    const known = Table.merge(works("Node"), fails("Deno", "it ended\nwith SIGABRT: (1) a: b"))
    expect(written(known)).toContain("| `wait` | yes | – | – | – | no (1) | – |")
    expect(written(known)).toContain("1. Deno: it ended with SIGABRT: (1) a: b")
    const read = Table.read(written(known))
    expect(read.versions).toEqual(known.versions)
    expect(read.outcomes).toEqual([
      { ...row, place: "Node" },
      { ...row, place: "Deno", problem: "it ended with SIGABRT: (1) a: b" }
    ])
  })

  it("leaves the column of a place alone where nothing was tried", () => {
    const known = Table.merge(Table.merge(works("Bun"), works("Node")), fails("Node", "late"))
    expect(known.versions).toEqual(new Map([...works("Bun").versions, ...fails("Node", "").versions]))
    expect(known.outcomes).toEqual([...works("Bun").outcomes, ...fails("Node", "late").outcomes])
  })

  it("is broken if it worked before, and only then", () => {
    expect(Table.broken(works("Bun"), fails("Bun", "late"))).toEqual(fails("Bun", "late").outcomes)
    expect(Table.broken(fails("Bun", "early"), fails("Bun", "late"))).toEqual([])
    expect(Table.broken(works("Node"), fails("Bun", "late"))).toEqual([])
    expect(Table.broken(fails("Bun", "late"), works("Bun"))).toEqual([])
  })
})

describe("a process that ends badly", () => {
  const place = (script: string): Places.Place => ({
    name: "Bun",
    version: "1.0.0",
    command: () => [process.execPath, "-e", script],
    env: {}
  })
  const problems = async (script: string) => {
    const outcomes = await Effect.runPromise(Trial.tryPackage(place(script), "green-task", rows))
    return outcomes.map(({ problem }) => problem)
  }
  const first = JSON.stringify({ feature: "`runInGreenlet`" })

  it("keeps what it has told, and nothing else works", async () => {
    const aborted = "it ended with SIGABRT"
    expect(await problems(`console.log('${first}'); process.abort()`)).toEqual([undefined, aborted, aborted])
  })

  it("is cited", async () => {
    expect(await problems(`throw new TypeError("no such thing")`)).toEqual(
      Array.from({ length: 3 }, () => "it ended with 1: TypeError: no such thing")
    )
  })

  it("and one that ends well and says nothing has not done anything", async () => {
    const nothing = "nothing was said of it"
    expect(await problems("")).toEqual([nothing, nothing, undefined])
  })
})
