/**
 * The table of what works where, as it stands in docs/runtimes.md: written from what was tried, and read back, to see
 * whether something that worked does no longer.
 */
import { type PlaceName, placeNames } from "./places.ts"
import { isSmoked, type Smoked } from "./smokes.ts"
import type { Outcome, Row } from "./trial.ts"

/** What was tried, and with which version of each runtime. */
export interface Results {
  readonly versions: ReadonlyMap<PlaceName, string>
  readonly outcomes: ReadonlyArray<Outcome>
}

const begin = "<!-- written by npm run test:runtimes -->"
const end = "<!-- until here -->"

const untried = "–"

/** The table, and below it why something does not work. `system` says where that was. */
export const render = (rows: ReadonlyArray<Row>, { outcomes, versions }: Results, system: string): string => {
  const problems: Array<string> = []
  const cell = (row: Row, place: PlaceName): string => {
    const outcome = outcomes.find(
      (each) => each.place === place && each.subject === row.subject && each.feature === row.feature
    )
    if (outcome === undefined) return untried
    if (outcome.problem === undefined) return "yes"
    const problem = `${place}: ${outcome.problem.replaceAll("\n", " ")}`
    if (!problems.includes(problem)) problems.push(problem)
    return `no (${problems.indexOf(problem) + 1})`
  }
  const line = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`
  const lines = [
    line(["", ...placeNames.map((place) => `${place} ${versions.get(place) ?? untried}`)]),
    line(["", ...placeNames].map(() => "---"))
  ]
  let above: Smoked | undefined
  for (const row of rows) {
    if (row.subject !== above) lines.push(line([`**${row.subject}**`, ...placeNames.map(() => "")]))
    above = row.subject
    lines.push(line([row.feature, ...placeNames.map((place) => cell(row, place))]))
  }
  const reasons = problems.map((problem, index) => `${index + 1}. ${problem}`)
  return [system, "", ...lines, ...(reasons.length === 0 ? [] : ["", ...reasons])].join("\n")
}

/** The table in a document. Empty if it has none. */
export const read = (document: string): Results => {
  const versions = new Map<PlaceName, string>()
  const outcomes: Array<Outcome> = []
  const written = between(document)
  const problems = new Map(
    [...written.matchAll(/^(\d+)\. .+?: (.*)$/gm)].map(([, number = "", problem = ""]) => [number, problem])
  )
  let places: ReadonlyArray<PlaceName> = []
  let subject: Smoked | undefined
  for (const [text] of written.matchAll(/^\|.*\|$/gm)) {
    const [first = "", ...cells] = text
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim())
    const name = /^\*\*(.+)\*\*$/.exec(first)?.[1]
    if (name !== undefined) subject = isSmoked(name) ? name : undefined
    else if (places.length === 0) {
      places = placeNames.filter((place, index) => {
        const version = cells[index]?.slice(place.length + 1)
        if (version !== undefined && version !== untried) versions.set(place, version)
        return true
      })
    } else if (subject !== undefined) {
      for (const [index, place] of places.entries()) {
        const cell = cells[index]
        const number = /^no \((\d+)\)$/.exec(cell ?? "")?.[1]
        if (cell === "yes") outcomes.push({ subject, feature: first, place })
        else if (number !== undefined) {
          outcomes.push({ subject, feature: first, place, problem: problems.get(number) ?? "" })
        }
      }
    }
  }
  return { versions, outcomes }
}

const between = (document: string): string => {
  const from = document.indexOf(begin)
  const to = document.indexOf(end)
  return from < 0 || to < from ? "" : document.slice(from + begin.length, to)
}

/** The document with another table. */
export const replace = (document: string, table: string): string => {
  const from = document.indexOf(begin)
  const to = document.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the document has no place for the table: ${begin} … ${end}`)
  return `${document.slice(0, from + begin.length)}\n\n${table}\n\n${document.slice(to)}`
}

/** What was tried now; of the places where nothing was tried, what is known from before. */
export const merge = (before: Results, now: Results): Results => ({
  versions: new Map([...before.versions, ...now.versions]),
  outcomes: [...before.outcomes.filter(({ place }) => !now.versions.has(place)), ...now.outcomes]
})

/** What worked before, and now does not. */
export const broken = (before: Results, now: Results): ReadonlyArray<Outcome> =>
  now.outcomes.filter(
    ({ feature, place, problem, subject }) =>
      problem !== undefined &&
      before.outcomes.some(
        (each) =>
          each.problem === undefined && each.place === place && each.subject === subject && each.feature === feature
      )
  )
