/**
 * Servers in this process, and their clients in another one.
 */
import * as Effect from "effect/Effect"
import { fork } from "node:child_process"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { fileURLToPath } from "node:url"

/** What the clients are told. */
export interface Load {
  readonly port: number
  readonly connections: number
  readonly requests: number
}

/** What they tell: how long all took, and one of them in the middle and at worst, in milliseconds. */
export interface Result {
  readonly seconds: number
  readonly p50: number
  readonly p99: number
}

/** The clients, until the scope is closed. */
export const clients = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => fork(fileURLToPath(new URL("load.ts", import.meta.url)), { serialization: "advanced" })),
    (child) => Effect.sync(() => child.kill())
  ),
  (child) =>
    async (load: Load): Promise<Result> => {
      const answer = once(child, "message")
      child.send(load)
      const [result]: ReadonlyArray<Result> = await answer
      if (result === undefined) throw new Error("the clients said nothing")
      return result
    }
)

/** Serves until the scope is closed: the port. */
export const serve = Effect.fnUntraced(function* (
  listener: (request: IncomingMessage, response: ServerResponse) => void
) {
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => createServer({ keepAliveTimeout: 0 }, listener).listen(0, "127.0.0.1")),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
  yield* Effect.promise(() => once(server, "listening"))
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
})
