/**
 * WebSockets (RFC 6455): messages both ways on one connection, which a session has asked for.
 *
 * What a session knows is at work in the handshake: headers, cookies, auth, time-outs. How the connection is made is the
 * handler's affair: see `Upgrade`.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { RequestOptions, Timeouts } from "./SessionOptions.ts"
import type { HttpError } from "./HttpError.ts"

/**
 * A message: a text, or bytes.
 *
 * @category models
 * @since 0.1.0
 */
export type Message = string | Uint8Array

/**
 * How a WebSocket was closed: what the peer said. The code is 1005 if it said none.
 *
 * @category models
 * @since 0.1.0
 */
export interface CloseStatus {
  readonly code: number
  readonly reason: string
}

/**
 * What one WebSocket may have of its own.
 *
 * @category models
 * @since 0.1.0
 */
export interface WebSocketOptions extends Pick<RequestOptions, "params" | "headers" | "auth" | "retry"> {
  /** The subprotocols that are offered, the best first. The server has to take one of them. */
  readonly protocols?: string | ReadonlyArray<string>
  /** The most bytes that a message of the peer may have: 64 MiB unless said. */
  readonly maxMessageBytes?: number
  readonly timeouts?: WebSocketTimeouts
}

/**
 * How long the handshake may take, by phase, and the end.
 *
 * @category models
 * @since 0.1.0
 */
export interface WebSocketTimeouts extends Omit<Timeouts, "body"> {
  /** From a close until the peer has answered it, and the connection is gone: 2 seconds unless said. */
  readonly close?: Duration.Input
}

/**
 * A WebSocket that is open, until it is closed by either side or its scope ends. Pings of the peer are answered as its
 * messages are read.
 *
 * It ends in one of two ways. When the peer has closed it, or has answered a close, that is no failure, whatever the code
 * says: it is in `closed`. All else is one: the connection breaks (`Disconnected`), the peer breaks the rules
 * (`Protocol`), sends too much at once (`MessageTooLarge`), or does not answer a close (`Timeout` of the phase `close`).
 * Everybody who waits then fails with it.
 *
 * @category models
 * @since 0.1.0
 */
export interface WebSocket {
  /** As it was asked for, with the scheme ws or wss. */
  readonly url: string
  /** The subprotocol that the server has taken; `undefined` if none was offered. */
  readonly protocol: string | undefined
  /**
   * The next message, or `undefined` at the end: those that have come are given first. Each is given once, to one who
   * asks. Interrupting it loses none.
   *
   * About 64 KiB are read ahead; then the connection is left alone until somebody asks, and the peer has to wait.
   */
  readonly receive: Effect.Effect<Message | undefined, HttpError>
  /** The messages until the end. A stream that is left, and made again, goes on with the next one. */
  readonly messages: Stream.Stream<Message, HttpError>
  /**
   * Sends a message. It waits, in order, while the peer does not take what was sent before, and ends when the message is
   * on its way; interrupted before, it is not sent at all. Fails `SocketClosed` once the WebSocket is closed.
   */
  readonly send: (message: Message) => Effect.Effect<void, HttpError>
  /**
   * Closes it: 1000 and no reason unless said; a code from 3000 to 4999 is one's own. Ends when the connection is gone,
   * which is destroyed if the peer does not answer in time. What it still sends is dropped, and what has come may be
   * received. Closing it again only waits; interrupting it does not take it back.
   *
   * Fails `InvalidRequest` for a code that may not be sent, or a reason of more than 123 bytes.
   */
  readonly close: (code?: number, reason?: string) => Effect.Effect<void, HttpError>
  /** What the peer has closed it with, when it has. */
  readonly closed: Effect.Effect<CloseStatus, HttpError>
}
