/**
 * How many connections a chain of three redirects opens, each with a body, followed by a GET of the same session. Told
 * beside: effect/http on undici with `followRedirects`.
 */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import type * as Scope from "effect/Scope"
import { createServer, type Server } from "node:http"
import type { Measure } from "../harness.ts"
import { session } from "./clients.ts"

interface Chain {
  readonly url: URL
  /** The connections that there have been since it was asked last. */
  readonly opened: () => number
}

/** `/3` leads to `/2`, and so on to `/0`. */
const chain: Effect.Effect<Chain, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.callback<Chain & { readonly server: Server }>((resume) => {
      let connections = 0
      const server = createServer((request, response) => {
        const left = Number(request.url?.slice(1))
        if (left > 0) response.writeHead(302, { location: `/${left - 1}` })
        response.end(`${left} to go`)
      })
      server.on("connection", () => connections++)
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        const opened = () => {
          const before = connections
          connections = 0
          return before
        }
        resume(Effect.succeed({ url: new URL(`http://127.0.0.1:${port}/3`), opened, server }))
      })
    }),
    ({ server }) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  ),
  ({ opened, url }) => ({ url, opened })
)

const rows = Effect.gen(function* () {
  const { opened, url } = yield* chain
  const http = yield* session()
  const client = HttpClient.followRedirects(yield* HttpClient.HttpClient, 3)

  for (let count = 0; count < 2; count++) yield* Effect.flatMap(http.get(url), ({ bytes }) => bytes)
  const ours = opened()
  for (let count = 0; count < 2; count++) yield* Effect.flatMap(client.get(url), ({ arrayBuffer }) => arrayBuffer)
  const others = opened()
  return [
    {
      measure: "connections of two chains of three redirects",
      ours: String(ours),
      against: `effect/http on undici: ${others}`,
      unit: "",
      figure: { median: ours, least: ours, most: ours },
      target: { relation: "<=", must: 1 } as const
    }
  ]
})

export const measure: Measure = () => Effect.runPromise(Effect.scoped(Effect.provide(rows, NodeHttpClient.layerUndici)))
