/**
 * A WebSocket of a session as the `Socket` of effect/socket, so that what the ecosystem writes for that works over it:
 * effect/rpc for one.
 *
 * effect/socket is not stable yet: this is the only module here that knows it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as GreenHttp from "./GreenHttp.ts"
import type { HttpError } from "./HttpError.ts"
import type { HttpExchange } from "./HttpExchange.ts"
import type { WebSocket, WebSocketOptions } from "./WebSocket.ts"

/**
 * A socket that opens a WebSocket for each reader, for as long as its scope: so whoever reads again, connects again.
 * What is written meanwhile waits until it is open.
 *
 * A handshake that fails is a `SocketOpenError`, and a WebSocket that breaks a `SocketReadError`, with the `HttpError` as
 * its cause. One that is closed is a `SocketCloseError` with the code of the peer.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (session: GreenHttp.GreenHttp, url: string | URL, options?: WebSocketOptions): Socket.Socket => {
  let current: WebSocket | undefined
  const isOpen = Latch.makeUnsafe(false)

  const reader: Effect.Effect<Socket.Reader, Socket.SocketError, Scope.Scope> = Effect.gen(function* () {
    const socket = yield* Effect.mapError(session.webSocket(url, options), notOpened)
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        current = socket
        isOpen.openUnsafe()
      }),
      () =>
        Effect.sync(() => {
          if (current !== socket) return
          current = undefined
          isOpen.closeUnsafe()
        })
    )
    return { pull: pull(socket), upgrade: Socket.SocketUpgradeError.unsupported }
  })

  const writing = (
    write: (socket: WebSocket) => Effect.Effect<unknown, HttpError>
  ): Effect.Effect<void, Socket.SocketError> =>
    Effect.suspend(() =>
      current === undefined
        ? isOpen.whenOpen(writing(write))
        : Effect.asVoid(Effect.mapError(write(current), notWritten))
    )

  return Socket.make({
    reader,
    writer: Effect.succeed({
      write: (chunk) =>
        writing((socket) => (Socket.isCloseEvent(chunk) ? socket.close(chunk.code, chunk.reason) : socket.send(chunk))),
      writeAll: (chunks) => writing((socket) => Effect.forEach(chunks, socket.send, { discard: true }))
    })
  })
}

/**
 * The `Socket` of a session of its own.
 *
 * @example
 * ```ts no-run
 * import * as Layer from "effect/Layer"
 * import * as RpcClient from "effect/rpc/RpcClient"
 * import * as RpcSerialization from "effect/rpc/RpcSerialization"
 * import { Auth, UndiciExchange } from "green-http"
 * import * as EffectSocket from "green-http/EffectSocket"
 *
 * // What a client of effect/rpc needs, with the auth and the proxy of green-http.
 * export const protocol = RpcClient.layerProtocolSocket().pipe(
 *   Layer.provide(EffectSocket.layer("wss://host.test/rpc", { auth: Auth.bearer("token") })),
 *   Layer.provide(UndiciExchange.layer({ proxy: "environment" })),
 *   Layer.provide(RpcSerialization.layerJson)
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  url: string | URL,
  options?: WebSocketOptions,
  session?: GreenHttp.SessionOptions
): Layer.Layer<Socket.Socket, HttpError, HttpExchange> =>
  Layer.effect(
    Socket.Socket,
    Effect.map(GreenHttp.make(session), (http) => make(http, url, options))
  )

/** It never ends well: an end is a failure too, which says how it was closed. */
const pull = (socket: WebSocket): Socket.Reader["pull"] =>
  Effect.flatMap(Effect.mapError(socket.receive, broken), (message) =>
    message === undefined
      ? Effect.flatMap(Effect.mapError(socket.closed, broken), ({ code, reason }) =>
          Effect.fail(new Socket.SocketError({ reason: new Socket.SocketCloseError({ code, closeReason: reason }) }))
        )
      : Effect.succeed([message] as const)
  )

const notOpened = (cause: HttpError): Socket.SocketError => {
  const kind = cause.reason._tag === "Timeout" ? "Timeout" : "Unknown"
  return new Socket.SocketError({ reason: new Socket.SocketOpenError({ kind, cause }) })
}

const broken = (cause: HttpError): Socket.SocketError =>
  new Socket.SocketError({ reason: new Socket.SocketReadError({ cause }) })

const notWritten = (cause: HttpError): Socket.SocketError =>
  new Socket.SocketError({ reason: new Socket.SocketWriteError({ cause }) })
