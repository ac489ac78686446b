/**
 * A WebSocket for code without Effect: what a `WebSocket` has, as promises.
 *
 * @since 0.1.0
 */
import type { RunPromise } from "./PromiseResponse.ts"
import type { CloseStatus, Message, WebSocket } from "./WebSocket.ts"

/**
 * A WebSocket. Its methods reject with `HttpError`. It is closed by `close`, by `await using`, and with its session.
 *
 * @category models
 * @since 0.1.0
 */
export class PromiseWebSocket implements AsyncIterable<Message>, AsyncDisposable {
  readonly #socket: WebSocket
  readonly #run: RunPromise

  constructor(socket: WebSocket, run: RunPromise) {
    this.#socket = socket
    this.#run = run
  }

  /** As it was asked for, with the scheme ws or wss. */
  get url(): string {
    return this.#socket.url
  }

  /** The subprotocol that the server has taken; `undefined` if none was offered. */
  get protocol(): string | undefined {
    return this.#socket.protocol
  }

  /** What the peer has closed it with, when it has. */
  get closed(): Promise<CloseStatus> {
    return this.#run(this.#socket.closed)
  }

  /** The next message, or `undefined` at the end. */
  receive(options?: { readonly signal?: AbortSignal }): Promise<Message | undefined> {
    return this.#run(this.#socket.receive, options)
  }

  /** Sends a message: there when it is on its way. Aborted before, it is not sent. */
  send(message: Message, options?: { readonly signal?: AbortSignal }): Promise<void> {
    return this.#run(this.#socket.send(message), options)
  }

  /** Closes it: there when the connection is gone. */
  close(code?: number, reason?: string): Promise<void> {
    return this.#run(this.#socket.close(code, reason))
  }

  /** The messages until the end. A loop that is left does not close it. */
  async *[Symbol.asyncIterator](): AsyncIterator<Message> {
    for (;;) {
      const message = await this.receive()
      if (message === undefined) return
      yield message
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
