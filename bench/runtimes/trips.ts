/**
 * Does what a line of its input says, such as `woken 1000`, and answers with what one wait took, in microseconds. It ends
 * with its input, and runs on any runtime.
 */
import { createInterface } from "node:readline"
import { roundTrips } from "./roundTrips.ts"
import { wakeUps } from "./wakeUps.ts"

/** Waits that find the descriptor ready, or that are woken. */
export type Work = "ready" | "woken"

export interface Taken {
  readonly cpu: number
  readonly wall: number
}

for await (const line of createInterface({ input: process.stdin })) {
  const [work, count = ""] = line.split(" ")
  const waits = Number(count)
  const before = process.cpuUsage()
  const begun = performance.now()
  await (work === "ready" ? roundTrips(waits / 2) : wakeUps(waits))
  const wall = ((performance.now() - begun) * 1000) / waits
  const { system, user } = process.cpuUsage(before)
  console.log(JSON.stringify({ cpu: (user + system) / waits, wall } satisfies Taken))
}
