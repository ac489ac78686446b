/**
 * Servers, and clients that can be as rude as clients are.
 */
import * as Effect from "effect/Effect"
import type { RunInPool } from "green-pool"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { connect, type Socket } from "node:net"

/** Waits until it is so, in real time; fails when it is not so for a minute. */
export const until = (what: string, holds: () => boolean): Effect.Effect<void> =>
  Effect.promise(async () => {
    const start = performance.now()
    while (!holds()) {
      if (performance.now() - start > 60_000) throw new Error(`never: ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  })

type Listener = (request: IncomingMessage, response: ServerResponse) => void

/** Serves until the scope is closed, and leaves no connection behind: the port. */
export const serve = Effect.fnUntraced(function* (listener: Listener) {
  const sockets = new Set<Socket>()
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => createServer(listener).listen(0, "127.0.0.1")),
    (server) =>
      Effect.gen(function* () {
        server.close()
        server.closeAllConnections()
        yield* until("all connections are closed", () => sockets.size === 0)
      })
  )
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
  })
  yield* Effect.promise(() => once(server, "listening"))
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
})

/** The same for an app in a pool, which is empty in the end. */
export const serveInPool = (app: Listener & RunInPool.InPool) => serveFor(app, app)

/** The same for a listener that calls such an app. */
export const serveFor = Effect.fnUntraced(function* (app: RunInPool.InPool, listener: Listener) {
  yield* Effect.addFinalizer(() => isEmpty(app))
  return yield* serve(listener)
})

/** Nothing waits and nothing runs, soon, and everything is accounted for. */
export const isEmpty = ({ counts, pool }: RunInPool.InPool): Effect.Effect<void> =>
  until(
    "the pool is empty",
    () =>
      counts.received === counts.answered + counts.refused + counts.dropped &&
      [counts.pending, counts.queued, counts.heldBytes, pool.running, pool.queued].every((count) => count === 0)
  )

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A connection, and all that has come over it. */
class Client {
  readonly socket: Socket
  received = ""
  closed = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding("latin1")
    socket.on("data", (text: string) => (this.received += text))
    socket.on("error", () => {})
    socket.on("close", () => (this.closed = true))
  }

  send(text: string): void {
    this.socket.write(text)
  }

  /** Sends a request, its head completed. */
  request(line: string, headers: Readonly<Record<string, string | number>> = {}, body = ""): void {
    const all = { Host: "localhost", ...headers }
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
    this.send(`${line} HTTP/1.1\r\n${lines.join("")}\r\n${body}`)
  }

  leave(): void {
    this.socket.destroy()
  }

  /** The whole answers that have come. */
  get answers(): ReadonlyArray<Answer> {
    const answers: Array<Answer> = []
    for (let rest = this.received; rest.includes("\r\n\r\n");) {
      const end = rest.indexOf("\r\n\r\n") + 4
      const [first = "", ...lines] = rest.slice(0, end - 4).split("\r\n")
      const headers = Object.fromEntries(
        lines.map((line) => {
          const colon = line.indexOf(":")
          return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
        })
      )
      const length = Number(headers["content-length"] ?? 0)
      if (rest.length < end + length) break
      const status = Number(first.split(" ")[1])
      if (status >= 200) answers.push({ status, headers, body: rest.slice(end, end + length) })
      rest = rest.slice(end + length)
    }
    return answers
  }

  /** Waits for so many answers: the last of them. */
  answer(count = 1): Effect.Effect<Answer> {
    return Effect.map(
      until(`${count} answers; there is: ${this.received}`, () => this.answers.length >= count),
      () => this.answers[count - 1] ?? { status: 0, headers: {}, body: "" }
    )
  }
}

/** A connection until the scope is closed. */
export const client = (port: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const socket = connect(port, "127.0.0.1")
      await once(socket, "connect")
      return new Client(socket)
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

/** One request on a connection of its own. */
export const ask = (
  port: number,
  target = "/",
  options: {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string | number>>
    readonly body?: string
  } = {}
): Effect.Effect<Answer> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { body, headers = {}, method = "GET" } = options
      const one = yield* client(port)
      one.request(
        `${method} ${target}`,
        body === undefined ? headers : { ...headers, "Content-Length": body.length },
        body
      )
      return yield* one.answer()
    })
  )

/** Listeners that wait until they are let go, in the order in which they began. */
export class Turnstile {
  readonly began: Array<string> = []
  readonly #waiting: Array<() => void> = []
  #isOpen = false

  async wait(name = ""): Promise<void> {
    this.began.push(name)
    if (!this.#isOpen) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  readonly listener = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    await this.wait(request.url)
    if (response.headersSent || response.destroyed) return
    const text = `done ${request.url}`
    response.setHeader("content-length", text.length)
    response.end(text)
  }

  next(): void {
    this.#waiting.shift()?.()
  }

  open(): void {
    this.#isOpen = true
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
