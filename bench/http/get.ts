/**
 * A GET of a small body, read whole, by connections that are kept, fifty requests on the way: against `undici.request`
 * with an agent of its own, which has any number of connections, and so has ours. Our clients are fibers.
 *
 * Told beside: both with fifty connections at most, and ours by `Effect.runPromise` for each request.
 */
import * as Effect from "effect/Effect"
import { request } from "undici"
import { fibers, promises } from "../concurrently.ts"
import type { Measure, Scale } from "../harness.ts"
import { agent, server, session } from "./clients.ts"
import { measured, row } from "./slices.ts"

const rows = Effect.fnUntraced(function* (scale: Scale) {
  const url = yield* server("small")
  const http = yield* session()
  const bounded = yield* session({}, { connections: 50 })
  const dispatcher = yield* agent()
  const boundedDispatcher = yield* agent(50)

  const ours = fibers(
    "green-http",
    Effect.flatMap(http.get(url), ({ bytes }) => bytes)
  )
  const run = promises("runPromise", () => Effect.runPromise(Effect.flatMap(http.get(url), ({ bytes }) => bytes)))
  const base = promises("undici.request", async () => (await request(url, { dispatcher })).body.arrayBuffer())
  const ours50 = fibers(
    "green-http",
    Effect.flatMap(bounded.get(url), ({ bytes }) => bytes)
  )
  const base50 = promises("undici.request", async () =>
    (await request(url, { dispatcher: boundedDispatcher })).body.arrayBuffer()
  )

  const result = yield* Effect.promise(() =>
    measured(scale, { requests: scale.count(10_000), concurrency: 50, rounds: 15 }, [ours, base, run, ours50, base50])
  )
  const [a, b] = [result(ours), result(base)]
  return [
    row("CPU per request", "GET, 50 on the way", a, b, { relation: "<=", must: 0.9, aim: 0.7 }),
    row("requests a second", "GET, 50 on the way", a, b, { relation: ">=", must: 1.1, aim: 1.4 }),
    row("CPU per request", "the same, runPromise for each", result(run), b),
    row("requests a second", "the same, runPromise for each", result(run), b),
    row("CPU per request", "the same, 50 connections at most", result(ours50), result(base50)),
    row("requests a second", "the same, 50 connections at most", result(ours50), result(base50))
  ]
})

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
