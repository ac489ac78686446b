/**
 * Waiting on Bun and on Deno, where a thread of theirs watches the descriptors, and on Node's main thread: each in a
 * process of its own. They are those that `npm run test:runtimes` has fetched.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import * as Installed from "../../test/runtimes/installed.ts"
import * as Places from "../../test/runtimes/places.ts"
import { alternate, type Measure, ratioRow, type Row, type Side } from "../harness.ts"
import type { Taken } from "./trips.ts"

const program = new URL("trips.ts", import.meta.url)

interface Running {
  readonly side: Side<Taken>
  readonly child: ChildProcess
}

const start = (place: Places.Place, trips: number): Running => {
  const [command = "", ...parameters] = place.command(program)
  const child = spawn(command, parameters, {
    env: { ...process.env, ...place.env },
    stdio: ["pipe", "pipe", "inherit"]
  })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const round = async (): Promise<Taken> => {
    child.stdin.write(`${trips}\n`)
    const { done, value } = await answers.next()
    if (done === true) throw new Error(`${place.name} ended with ${child.exitCode ?? child.signalCode}`)
    return JSON.parse(value)
  }
  return { side: { name: `${place.name} ${place.version}`, round }, child }
}

const names: ReadonlyArray<Installed.Fetched> = ["Bun", "Deno"]

/** How it is measured, and in which words that is said. */
const measures = { cpu: "CPU of all threads", wall: "by the clock" } as const

const title = (name: Installed.Fetched, how: keyof typeof measures): string => `one wait on ${name}, ${measures[how]}`

export const measure: Measure = async (scale) => {
  const trips = scale.count(10_000)
  const node = start(Places.node, trips)
  const others = names.map((name) => {
    const installed = Installed.find(name)
    return "program" in installed
      ? { name, ...start(Places.fetched(name, installed), trips) }
      : { name, missing: installed.missing }
  })
  const running = [node, ...others.flatMap((other) => ("side" in other ? [other] : []))]
  const figures = await alternate(
    scale,
    running.map(({ side }) => side)
  )
  for (const { child } of running) {
    child.stdin?.end()
    if (child.exitCode === null) await once(child, "exit")
  }
  return others.flatMap((other): ReadonlyArray<Row> => {
    if (!("side" in other)) {
      return [{ measure: title(other.name, "cpu"), ours: "–", against: other.missing, unit: "x" }]
    }
    return (["cpu", "wall"] as const).map((how) =>
      ratioRow({
        measure: title(other.name, how),
        ours: other.side,
        against: node.side,
        figures: (side) => figures(side).map((taken) => taken[how]),
        unit: "us"
      })
    )
  })
}
