/**
 * A request of `node:http` that waits for a worker, and its listeners.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { NodeListener } from "../../RunInPool.ts"
import type { BodyBudget } from "./BodyBudget.ts"
import { hasBody, readBody } from "./nodeBody.ts"
import type { Reception } from "./Reception.ts"
import type { Refusal } from "./Refusal.ts"
import { RequestJob } from "./RequestJob.ts"
import { isPath, pathOf } from "./target.ts"

/** What an app for Node is made of. */
export interface NodeApp {
  readonly reception: Reception
  /** One, or several of which the first that answers wins. */
  readonly listener: NodeListener | ReadonlyArray<NodeListener>
  readonly report: (error: unknown, request: IncomingMessage) => void
}

/** The listener that hands every request to a worker. */
export const listen =
  (app: NodeApp): ((request: IncomingMessage, response: ServerResponse) => void) =>
  (request, response) => {
    const { reception } = app
    const target = request.url ?? "/"
    if (!isPath(target)) {
      const path = pathOf(target)
      if (path === undefined) return writeRefusal(request, response, reception.refusals.badRequest)
      request.url = path
    }
    const job = new NodeRequest(app, request, response)
    if (reception.isInside) job.serve()
    else reception.receive(job)
  }

/** A request and what comes of it, in the pool or in place. */
class NodeRequest extends RequestJob {
  readonly #app: NodeApp
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  /** The next in the list of listeners. */
  #next = 0
  #stopReading: (() => void) | undefined = undefined
  #unwatch: (() => void) | undefined = undefined

  constructor(app: NodeApp, request: IncomingMessage, response: ServerResponse) {
    super(app.reception)
    this.#app = app
    this.#request = request
    this.#response = response
  }

  get hasBody(): boolean {
    return hasBody(this.#request)
  }

  read(budget: BodyBudget): void {
    this.#stopReading = readBody(this.#request, this, budget, (wrong) => {
      if (this.state !== "reading") return
      if (wrong === undefined) this.reception.admit(this)
      else this.refuse(wrong)
    })
  }

  watch(): void {
    if (isLost(this.#request, this.#response)) return this.leave()
    this.#unwatch ??= onLeft(this.#request, this.#response, () => this.leave())
  }

  override leave(): void {
    this.#release()
    super.leave()
  }

  reply(refusal: Refusal): void {
    this.#release()
    writeRefusal(this.#request, this.#response, refusal)
  }

  serve(): void {
    this.#release()
    const { listener } = this.#app
    if (typeof listener === "function") this.#call(listener)
    else this.#callNext(listener)
  }

  protected stop(refusal: Refusal): void {
    // The listener does not know yet, and may go on writing.
    this.#response.on("error", () => {})
    cutOff(this.#request, this.#response, refusal)
    this.end()
  }

  #callNext(listeners: ReadonlyArray<NodeListener>): void {
    const listener = listeners[this.#next++]
    if (listener === undefined) {
      writeRefusal(this.#request, this.#response, this.reception.refusals.notFound)
      this.end()
    } else this.#call(listener)
  }

  #call(listener: NodeListener): void {
    let result: unknown
    try {
      result = listener(this.#request, this.#response)
    } catch (error) {
      this.#failed(error)
      return
    }
    if (!isPromiseLike(result)) this.#called()
    else {
      result.then(
        () => this.#called(),
        (error: unknown) => this.#failed(error)
      )
    }
  }

  #called(): void {
    if (this.state === "over") return
    const response = this.#response
    const { listener } = this.#app
    if (response.writableEnded || isLost(this.#request, response)) this.end()
    else if (response.headersSent || typeof listener === "function") {
      onEnd(this.#request, response, () => this.end())
    } else this.#callNext(listener)
  }

  #failed(error: unknown): void {
    if (this.state === "over") return
    this.#app.report(error, this.#request)
    cutOff(this.#request, this.#response, this.reception.refusals.failed)
    this.end()
  }

  #release(): void {
    this.#stopReading?.()
    this.#unwatch?.()
    this.#stopReading = this.#unwatch = undefined
  }
}

const isLost = (request: IncomingMessage, response: ServerResponse): boolean =>
  response.destroyed || request.socket.destroyed

/** Calls back when the response has been sent, or never will be. */
const onEnd = (request: IncomingMessage, response: ServerResponse, ended: () => void): void => {
  response.once("close", ended)
  if (response.socket === null) response.once("close", onClose(request.socket, ended))
}

/** Calls back when the connection is lost. The result stops it. */
const onLeft = (request: IncomingMessage, response: ServerResponse, left: () => void): (() => void) => {
  const { socket } = request
  // The response to a pipelined request has no connection before its turn, and is not told that it is lost.
  if (response.socket === null) return onClose(socket, left)
  response.once("close", left)
  return () => response.off("close", left)
}

/** Those who wait, by connection: a connection of Node's warns of too many listeners. */
const waiting = new WeakMap<Socket, Set<() => void>>()

const onClose = (socket: Socket, left: () => void): (() => void) => {
  let those = waiting.get(socket)
  if (those === undefined) {
    const all = (those = new Set())
    waiting.set(socket, all)
    socket.once("close", () => {
      for (const each of all) each()
    })
  }
  those.add(left)
  return () => those.delete(left)
}

/** Answers in the place of a listener that cannot; when its answer has begun, nothing is left but to cut it off. */
const cutOff = (request: IncomingMessage, response: ServerResponse, refusal: Refusal): void => {
  if (response.writableEnded) return
  if (response.headersSent) {
    response.destroy()
    request.socket.destroy()
    return
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  writeRefusal(request, response, refusal)
}

const writeRefusal = (request: IncomingMessage, response: ServerResponse, { headers, status, text }: Refusal): void => {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, {
    ...headers,
    ...(request.httpVersionMajor === 1 && !request.complete && hasBody(request) ? { connection: "close" } : undefined),
    "content-length": text.length
  })
  response.end(text)
}

const isPromiseLike = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"
