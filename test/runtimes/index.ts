/**
 * `npm run test:runtimes [-- <runtime> …] [--check | --accept]`: tries what every package does on Node, on Bun and on
 * Deno, and in a worker thread of each, prints the table and writes it into docs/runtimes.md. A runtime that is not named, or cannot
 * be fetched, is left out, and its column stays.
 *
 * Ends with code 1 when something that worked by the document does not any more; the document then stays as it is, unless
 * `--accept` says that this is how it is. With `--check` it always stays.
 */
import * as Effect from "effect/Effect"
import { readFileSync, writeFileSync } from "node:fs"
import { findPackageJSON } from "node:module"
import { arch, release, type } from "node:os"
import { parseArgs } from "node:util"
import * as Installed from "./installed.ts"
import * as Places from "./places.ts"
import * as Table from "./table.ts"
import * as Trial from "./trial.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { check: { type: "boolean", default: false }, accept: { type: "boolean", default: false } }
})

const fetched: ReadonlyArray<Installed.Fetched> = ["Bun", "Deno"]
const unknown = positionals.filter((name) => !["Node", ...fetched].includes(name))
if (unknown.length > 0) throw new Error(`there is no ${unknown.join(", ")} here: Node, ${fetched.join(", ")} are`)
const isWanted = (name: string): boolean => positionals.length === 0 || positionals.includes(name)

const places = isWanted("Node") ? [Places.node, Places.nodeWorker] : []
for (const name of fetched.filter(isWanted)) {
  const installed = await Installed.fetch(name)
  if ("program" in installed) places.push(Places.fetched(name, installed), Places.fetchedWorker(name, installed))
  else console.log(`${name} is skipped: ${installed.missing}`)
}

const rows = await Effect.runPromise(Trial.rows)
const trials = places.flatMap((place) => [
  Effect.all([Trial.tryLaws(place), Trial.tryLeaving(place, "exit"), Trial.tryLeaving(place, "throw")]),
  ...Trial.subjects.map((subject) => Trial.tryPackage(place, subject, rows))
])
const outcomes = (await Effect.runPromise(Effect.all(trials, { concurrency: 2 }))).flat()
const now: Table.Results = { versions: new Map(places.map(({ name, version }) => [name, version])), outcomes }

const path = new URL("../../docs/runtimes.md", import.meta.url)
const document = readFileSync(path, "utf8")
const before = Table.read(document)

const installed = (name: string): string => {
  const file = findPackageJSON(name, import.meta.url)
  const { version }: { readonly version: string } = JSON.parse(readFileSync(file ?? "", "utf8"))
  return `${name} ${version}`
}
const system = `Tried on ${type()} ${release()}, ${arch()}, with ${installed("effect")}, ${installed("koffi")}, ${installed("undici")}.`
const table = Table.render(rows, Table.merge(before, now), system)
console.log(table)

const broken = Table.broken(before, now)
for (const { feature, place, problem, subject } of broken) {
  console.error(`does not work any more: ${subject}, ${feature}, on ${place}: ${problem}`)
}
if (broken.length > 0 && !values.accept) process.exitCode = 1
else if (!values.check && places.length > 0) writeFileSync(path, Table.replace(document, table))
