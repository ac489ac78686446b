/**
 * The same GET, fifty on the way, against what else there is: effect/http on undici, in fibers as ours, the global
 * `fetch`, got and axios. Each as it is: with the connections, the retries and the tracing that it has unless told.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import axios from "axios"
import got from "got"
import { fibers, promises } from "../concurrently.ts"
import type { Measure, Scale } from "../harness.ts"
import { server, session } from "./clients.ts"
import { measured, row } from "./slices.ts"

const rows = Effect.fnUntraced(function* (scale: Scale) {
  const url = yield* server("small")
  const http = yield* session()
  const client = Context.get(yield* Effect.context<HttpClient.HttpClient>(), HttpClient.HttpClient)

  const ours = fibers(
    "green-http",
    Effect.flatMap(http.get(url), ({ bytes }) => bytes)
  )
  const peers = [
    [
      fibers(
        "effect/http on undici",
        Effect.flatMap(client.get(url), (response) => response.arrayBuffer)
      ),
      { must: 2, aim: 3 }
    ],
    [promises("fetch", async () => (await fetch(url)).arrayBuffer()), { must: 3, aim: 5 }],
    [promises("got", () => got(url).buffer()), { must: 5, aim: 10 }],
    [promises("axios", () => axios.get(url.href, { responseType: "arraybuffer" })), { must: 5, aim: 10 }]
  ] as const

  const result = yield* Effect.promise(() =>
    measured(scale, { requests: scale.count(3_000), concurrency: 50, rounds: 9 }, [
      ours,
      ...peers.map(([peer]) => peer)
    ])
  )
  return peers.map(([peer, bounds]) =>
    row("requests a second", `GET against ${peer.name}`, result(ours), result(peer), { relation: ">=", ...bounds })
  )
})

export const measure: Measure = (scale) =>
  Effect.runPromise(Effect.scoped(Effect.provide(rows(scale), NodeHttpClient.layerUndici)))
