/**
 * Waiting on Bun and on Deno, where a thread of theirs watches the descriptors, and on Node's main thread: each in a
 * process of its own. They are those that `npm run test:runtimes` has fetched.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import * as Installed from "../../test/runtimes/installed.ts"
import * as Places from "../../test/runtimes/places.ts"
import { alternate, type Measure, ratioRow, type Row, type Scale, type Side } from "../harness.ts"
import type { Taken, Work } from "./trips.ts"

const program = new URL("trips.ts", import.meta.url)

interface Running {
  readonly sides: Readonly<Record<Work, Side<Taken>>>
  readonly end: () => Promise<void>
}

const start = (place: Places.Place, scale: Scale): Running => {
  const [command = "", ...parameters] = place.command(program)
  const env = { ...process.env, ...place.env }
  const child = spawn(command, parameters, { env, stdio: ["pipe", "pipe", "inherit"] })
  const ended = once(child, "exit")
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const side = (work: Work, waits: number): Side<Taken> => ({
    name: `${place.name} ${place.version}`,
    round: async () => {
      child.stdin.write(`${work} ${waits}\n`)
      const { done, value } = await answers.next()
      if (done === true) throw new Error(`${place.name} ended with ${child.exitCode ?? child.signalCode}`)
      return JSON.parse(value)
    }
  })
  return {
    sides: { ready: side("ready", scale.count(20_000)), woken: side("woken", scale.count(5_000)) },
    end: async () => {
      child.stdin.end()
      await ended
    }
  }
}

const names: ReadonlyArray<Installed.Fetched> = ["Bun", "Deno"]

/** What is measured, how, and in which words that is said. */
const works = { ready: "found ready", woken: "woken" } as const
const measures = { cpu: "CPU of all threads", wall: "by the clock" } as const

export const measure: Measure = async (scale) => {
  const node = start(Places.node, scale)
  const others = names.map((name) => {
    const installed = Installed.find(name)
    if (!("program" in installed)) return { name, missing: installed.missing }
    return Object.assign(start(Places.fetched(name, installed), scale), { name })
  })
  const running = [node, ...others.flatMap((other) => ("sides" in other ? [other] : []))]
  const table: Array<Row> = []
  for (const work of ["ready", "woken"] as const) {
    const sides = running.map(({ sides }) => sides[work])
    const figures = await alternate(scale, sides)
    for (const other of others) {
      const title = `one wait on ${other.name}, ${works[work]}`
      if (!("sides" in other)) {
        table.push({ measure: title, ours: "–", against: other.missing, unit: "x" })
        continue
      }
      for (const how of ["cpu", "wall"] as const) {
        table.push(
          ratioRow({
            measure: `${title}, ${measures[how]}`,
            ours: other.sides[work],
            against: node.sides[work],
            figures: (side) => figures(side).map((taken) => taken[how]),
            unit: "us"
          })
        )
      }
    }
  }
  await Promise.all(running.map(({ end }) => end()))
  return table
}
