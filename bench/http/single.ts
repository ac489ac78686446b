/**
 * The same GET, one after the other: in one fiber against `undici.request` with an agent of its own. Told beside: ours by
 * `Effect.runPromise` for each request.
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
  const dispatcher = yield* agent()

  const ours = fibers(
    "green-http",
    Effect.flatMap(http.get(url), ({ bytes }) => bytes)
  )
  const run = promises("runPromise", () => Effect.runPromise(Effect.flatMap(http.get(url), ({ bytes }) => bytes)))
  const base = promises("undici.request", async () => (await request(url, { dispatcher })).body.arrayBuffer())

  const result = yield* Effect.promise(() =>
    measured(scale, { requests: scale.count(4_000), concurrency: 1, rounds: 13 }, [ours, base, run])
  )
  const against = result(base)
  return [
    row("CPU per request", "GET, one on the way", result(ours), against, { relation: "<=", must: 1, aim: 0.9 }),
    row("requests a second", "GET, one on the way", result(ours), against),
    row("CPU per request", "one on the way, runPromise for each", result(run), against)
  ]
})

export const measure: Measure = (scale) => Effect.runPromise(Effect.scoped(rows(scale)))
