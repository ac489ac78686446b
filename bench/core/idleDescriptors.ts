/**
 * What an active pair of sockets costs while thousands of descriptors are watched that never become ready.
 *
 * Each side is a process of its own, and they take turns: what it takes to start and end so many fibers is not in it.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { alternate, type Measure, ratioRow, type Side } from "../harness.ts"

const program = fileURLToPath(new URL("crowd.ts", import.meta.url))

export const measure: Measure = async (scale) => {
  const trips = scale.count(20_000)
  const side = (idle: number): Side & Disposable => {
    const child = fork(program, [String(idle), String(trips)], { execArgv: process.execArgv })
    const ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`crowd.ts ended with ${code}`)))
    return {
      name: `${idle} idle descriptors`,
      round: async () => {
        const answer = Promise.race([once(child, "message"), ended])
        child.send("round")
        const [cost] = await answer
        return Number(cost)
      },
      [Symbol.dispose]: () => void child.kill()
    }
  }
  using alone = side(0)
  using crowded = side(scale.count(9_900))
  const figures = await alternate(scale, [alone, crowded])
  return [
    ratioRow({
      measure: `round trip, waitFd, ${crowded.name} watched`,
      ours: crowded,
      against: alone,
      figures,
      unit: "us",
      // Flat, but for noise.
      target: { relation: "<=", must: 1.15, aim: 1.05 }
    })
  ]
}
