/** A server for curl to talk to: one that waits for company, one that never answers, one that has much to say. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"

export interface Server {
  readonly url: string
  /** Somebody has asked for `/never`. */
  readonly asked: Deferred.Deferred<void>
  /** The connection of somebody who had asked for `/never` is closed. */
  readonly left: Deferred.Deferred<void>
}

export const listen: Effect.Effect<Server, never, Scope.Scope> = Effect.gen(function* () {
  const asked = yield* Deferred.make<void>()
  const left = yield* Deferred.make<void>()
  const company: Array<() => void> = []

  const together = (response: ServerResponse, name: string): void => {
    company.push(() => response.end(name))
    if (company.length === 3) for (const answer of company.splice(0)) answer()
  }

  const server = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer((request, response) => {
        const [, route, name = ""] = request.url?.split("/") ?? []
        if (route === "together") together(response, name)
        else if (route === "large") response.end("large ".repeat(1 << 18))
        else if (route === "never") {
          request.socket.once("close", () => Deferred.doneUnsafe(left, Effect.void))
          Deferred.doneUnsafe(asked, Effect.void)
        } else response.writeHead(404).end(`there is no ${route}`)
      })
      await once(server.listen(0, "127.0.0.1"), "listening")
      return server
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return { url: `http://127.0.0.1:${port}`, asked, left }
})
