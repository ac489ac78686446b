/**
 * Connections in memory to an application of node:http, as undici's dispatcher makes them when they are needed.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http"
import type { Dispatcher } from "undici"
import { Agent } from "../undici/undici.ts"
import { messageOf } from "../messageOf.ts"
import { MemorySocket } from "./MemorySocket.ts"

/** All of them are closed with the scope. A server that was given stays as it is. */
export const connections = (app: RequestListener | Server): Effect.Effect<Dispatcher, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const server = typeof app === "function" ? createServer(guarded(app)) : app
      return new Agent({
        connections: null,
        headersTimeout: 0,
        bodyTimeout: 0,
        allowH2: false,
        connect: ({ protocol }, callback) => {
          const [client, other] = MemorySocket.pair(protocol === "https:")
          process.nextTick(() => {
            server.emit("connection", other)
            callback(null, client)
          })
        }
      })
    }),
    (agent) => Effect.promise(() => agent.destroy())
  )

/** What a listener throws would end the process. Here it ends its connection. */
const guarded =
  (listener: RequestListener): RequestListener =>
  (request, response) => {
    const broken = (cause: unknown) => hangUp(response, cause)
    try {
      // A listener may be an async function, whatever its type says.
      const result: unknown = listener(request, response)
      if (result instanceof Promise) result.catch(broken)
    } catch (cause) {
      broken(cause)
    }
  }

const hangUp = (response: ServerResponse, cause: unknown): void => {
  response.destroy(Object.assign(new Error(messageOf(cause)), { code: "HANDLER", cause }))
}
