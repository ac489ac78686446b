/**
 * Proxies on the loopback, which note what they are asked for.
 */
import * as Effect from "effect/Effect"
import { createServer, type IncomingMessage, request as forward } from "node:http"
import * as Net from "node:net"
import { listening } from "./server.ts"

/** Passes on what it is asked, in either way, and notes it. */
export const proxy = (authorization?: string) => {
  const seen: Array<string> = []
  const isLet = (request: IncomingMessage) =>
    authorization === undefined || request.headers["proxy-authorization"] === authorization
  return Effect.map(
    Effect.suspend(() => {
      const server = createServer((request, response) => {
        seen.push(`${request.method} ${request.url}`)
        if (!isLet(request)) {
          response.writeHead(407).end()
          return
        }
        const { "proxy-authorization": _, ...headers } = request.headers
        const passed = forward(request.url ?? "", { method: request.method, headers }, (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers)
          answer.pipe(response)
        })
        request.pipe(passed)
      })
      server.on("connect", (request: IncomingMessage, socket: Net.Socket) => {
        seen.push(`CONNECT ${request.url}`)
        if (!isLet(request)) {
          socket.write("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
          socket.destroySoon()
          return
        }
        const port = Number(request.url?.split(":").at(-1))
        const upstream = Net.connect(port, "127.0.0.1", () => {
          socket.write("HTTP/1.1 200 OK\r\n\r\n")
          upstream.pipe(socket).pipe(upstream)
        })
        hangUpTogether(socket, upstream)
      })
      return listening(server)
    }),
    (running) => ({ ...running, seen })
  )
}

/** SOCKS5 (RFC 1928): no authentication, CONNECT by name or number. */
export const socks = () => {
  const seen: Array<string> = []
  const server = Net.createServer((socket) => {
    socket.on("error", () => {})
    socket.once("data", () => {
      socket.write(Uint8Array.of(5, 0))
      socket.once("data", (request: Buffer) => {
        const isName = request[3] === 3
        const host = isName ? request.subarray(5, 5 + (request[4] ?? 0)).toString() : request.subarray(4, 8).join(".")
        const port = request.readUInt16BE(request.length - 2)
        seen.push(`${host}:${port}`)
        const upstream = Net.connect(port, "127.0.0.1", () => {
          socket.write(Uint8Array.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 0))
          upstream.pipe(socket).pipe(upstream)
        })
        hangUpTogether(socket, upstream)
      })
    })
  })
  return Effect.map(listening(server), (running) => ({ ...running, seen }))
}

const hangUpTogether = (...[one, other]: readonly [Net.Socket, Net.Socket]) => {
  for (const [socket, peer] of [
    [one, other],
    [other, one]
  ] as const) {
    socket.on("error", () => {})
    socket.on("close", () => peer.destroySoon())
  }
}
