/**
 * Servers on the loopback, for as long as a scope.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer, type IncomingMessage, type RequestListener } from "node:http"
import * as Net from "node:net"

export interface Running {
  readonly url: URL
  /** How many connections there have been. */
  readonly connections: () => number
  /** How many are open. */
  readonly open: () => number
}

/** Any server, on a port of its own. */
export const listening = (server: Net.Server, scheme = "http"): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Running & { readonly close: () => void }>((resume) => {
      let connections = 0
      const sockets = new Set<Net.Socket>()
      server.on("connection", (socket: Net.Socket) => {
        connections++
        sockets.add(socket)
        socket.on("close", () => sockets.delete(socket))
        socket.on("error", () => {})
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(
          Effect.succeed({
            url: new URL(`${scheme}://127.0.0.1:${port}/`),
            connections: () => connections,
            open: () => sockets.size,
            close: () => {
              for (const socket of sockets) socket.destroy()
              server.close()
            }
          })
        )
      })
    }),
    ({ close }) => Effect.sync(close)
  )

/** An HTTP server. */
export const serve = (listener: RequestListener): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.suspend(() => listening(createServer(listener)))

/** A server that says what it likes to every connection. */
export const serveRaw = (
  speak: (socket: Net.Socket, head: string) => void
): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.suspend(() =>
    listening(
      Net.createServer((socket) => {
        let head = ""
        socket.on("data", (bytes) => {
          head += bytes.toString("latin1")
          if (!head.includes("\r\n\r\n")) return
          const request = head
          head = ""
          speak(socket, request)
        })
      })
    )
  )

/** The body of a request, as text. */
export const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Array<Uint8Array> = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
