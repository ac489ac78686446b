/**
 * Makes as many round trips as a line of its input says, and answers with what one wait took, in microseconds. It ends
 * with its input, and runs on any runtime.
 */
import { createInterface } from "node:readline"
import { roundTrips } from "./roundTrips.ts"

export interface Taken {
  readonly cpu: number
  readonly wall: number
}

for await (const line of createInterface({ input: process.stdin })) {
  const waits = Number(line) * 2
  const before = process.cpuUsage()
  const begun = performance.now()
  await roundTrips(Number(line))
  const wall = ((performance.now() - begun) * 1000) / waits
  const { system, user } = process.cpuUsage(before)
  console.log(JSON.stringify({ cpu: (user + system) / waits, wall } satisfies Taken))
}
