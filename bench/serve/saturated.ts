/**
 * A pool of 20 with far more to do than it can: 500 connections, and a handler of 5 ms.
 *
 * The most that can be had is 20 requests in the time that a handler took in this run, and everybody waits as long as
 * everybody else.
 */
import * as Effect from "effect/Effect"
import { RunInPool } from "green-pool"
import { setTimeout } from "node:timers/promises"
import { type Figure, type Measure, type Row, type Scale, summary } from "../harness.ts"
import { clients, serve } from "./clients.ts"

const workers = 20

const rows = Effect.fnUntraced(function* (full: Scale) {
  const rounds = Math.min(full.rounds, 5)
  const requests = Math.max(40, full.count(8_000))
  const connections = Math.min(500, requests)
  const load = yield* clients
  let milliseconds = 0
  let handled = 0
  const app = yield* RunInPool.node(
    async (_, response) => {
      const start = performance.now()
      await setTimeout(5)
      response.end("hello, world")
      milliseconds += performance.now() - start
      handled++
    },
    { maxWorkers: workers, capacity: connections }
  )
  const port = yield* serve(app)
  const throughput: Array<number> = []
  const spread: Array<number> = []
  let most = 0
  for (let round = -Math.min(full.warmUps, 1); round < rounds; round++) {
    milliseconds = handled = 0
    const { p50, p99, seconds } = yield* Effect.promise(() => load({ port, connections, requests }))
    if (round < 0) continue
    most = (workers / milliseconds) * handled * 1000
    throughput.push(requests / seconds / most)
    spread.push(p99 / p50)
  }
  const row = (measure: string, against: string, figure: Figure, target: Row["target"]): Row => ({
    measure,
    ours: "RunInPool.node",
    against,
    unit: "x",
    figure,
    ...(target === undefined ? {} : { target })
  })
  return [
    row(
      `5 ms, ${connections} connections, ${workers} workers: throughput`,
      `${workers} / mean time of a handler: ${most.toFixed(0)}/s`,
      summary(throughput),
      { relation: ">=", must: 0.97, aim: 0.99 }
    ),
    row("the same, p99", "p50", summary(spread), { relation: "<=", must: 1.25, aim: 1.15 })
  ]
})

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
