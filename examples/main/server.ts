/**
 * The server that the program talks to: an ordinary one of Node's, in the same process.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { type Wait, type WaitError, wait } from "green-core"
import { once } from "node:events"
import { createServer, type Socket } from "node:net"
import { createInterface } from "node:readline"

/** Shouts back what it is told; says nothing to a question; hangs up after "bye". */
const serve = (socket: Socket) => {
  const lines = createInterface(socket).on("line", (line) => {
    if (line.endsWith("?")) return
    socket.write(`${line.toUpperCase()}\n`)
    if (line === "bye") socket.end()
  })
  // A client that has gone is no error of the server's. Node closes the socket; readline tells it again.
  for (const each of [socket, lines]) each.on("error", () => {})
}

/** Serves until the scope ends, on the port that it gives. */
export const listen: Effect.Effect<number, WaitError, Wait | Scope.Scope> = Effect.gen(function* () {
  const { server } = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const sockets = new Set<Socket>()
      const server = createServer((socket) => {
        sockets.add(socket.once("close", () => sockets.delete(socket)))
        serve(socket)
      })
      return { server, sockets }
    }),
    ({ server, sockets }) =>
      wait
        .callback<void>((resume) => {
          for (const socket of sockets) socket.destroy()
          server.close(() => resume(Exit.void))
        })
        .pipe(Effect.orDie)
  )
  server.listen(0, "127.0.0.1")
  yield* wait(() => once(server, "listening"))
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
})
