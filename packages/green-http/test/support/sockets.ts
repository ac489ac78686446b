/**
 * WebSocket servers on the loopback: `ws`, and one that says what it likes after the handshake.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import { createServer, type IncomingMessage } from "node:http"
import type * as Net from "node:net"
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws"
import { listening, type Running, serveRaw } from "./server.ts"

export type Serve = (socket: WebSocket, request: IncomingMessage) => void

/** Lets a WebSocket in, or refuses it by a status. */
export type Admit = (request: IncomingMessage) => number | { readonly headers?: Readonly<Record<string, string>> }

/** The `upgrade` of a server, by `ws`. */
export const accept = <S extends Net.Server>(server: S, serve: Serve, options?: ServerOptions, admit?: Admit): S => {
  const sockets = new WebSocketServer({ noServer: true, ...options })
  sockets.on("connection", (socket, request) => {
    socket.on("error", () => {})
    serve(socket, request)
  })
  const refusals = new WeakMap<IncomingMessage, Readonly<Record<string, string>>>()
  sockets.on("headers", (headers, request) => {
    for (const [name, value] of Object.entries(refusals.get(request) ?? {})) headers.push(`${name}: ${value}`)
  })
  server.on("upgrade", (request: IncomingMessage, socket: Net.Socket, head: Buffer) => {
    const answer = admit?.(request) ?? {}
    if (typeof answer === "number") {
      const challenge = 'www-authenticate: Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'
      socket.end(`HTTP/1.1 ${answer} No\r\nlocation: /elsewhere\r\n${challenge}\r\ncontent-length: 2\r\n\r\nno`)
      return
    }
    refusals.set(request, answer.headers ?? {})
    sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit("connection", opened, request))
  })
  return server
}

export const serveSockets = (
  serve: Serve,
  options?: ServerOptions,
  admit?: Admit
): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.suspend(() => listening(accept(createServer(), serve, options, admit)))

/** Everything back, as it came. */
export const echo = (socket: WebSocket): WebSocket =>
  socket.on("message", (data: Buffer, isBinary) => socket.send(data, { binary: isBinary }))

/** The head of an answer that agrees. */
export const agreement = (request: string, more = ""): string => {
  const key = /sec-websocket-key: (.*)\r\n/i.exec(request)?.[1] ?? ""
  const accepted = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64")
  return `HTTP/1.1 101 Yes\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accepted}\r\n${more}\r\n`
}

/** Agrees, and then says what it likes; what comes back is not looked at. */
export const serveFrames = (speak: (socket: Net.Socket) => void): Effect.Effect<Running, never, Scope.Scope> => {
  const spoken = new WeakSet<Net.Socket>()
  return serveRaw((socket, head) => {
    if (spoken.has(socket)) return
    spoken.add(socket)
    socket.write(agreement(head))
    speak(socket)
  })
}
