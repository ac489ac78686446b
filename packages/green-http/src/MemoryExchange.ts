/**
 * Exchanges with an application in the same process, without a socket: for tests, and for calling one's own handlers.
 *
 * The application is a Fetch handler, which has no WebSockets, or a listener of node:http with whatever is built on it. One
 * of effect/http is the matter of `EffectHttp`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { RequestListener, Server } from "node:http"
import { type Exchange, HttpExchange } from "./HttpExchange.ts"
import { Call } from "./internal/memory/Call.ts"
import { connections } from "./internal/memory/connections.ts"
import { within } from "./internal/timeouts.ts"
import { exchangeBy } from "./internal/undici/exchange.ts"
import { Turns } from "./internal/undici/Turns.ts"
import { upgradeBy } from "./internal/undici/upgrade.ts"

/**
 * An application as the Fetch standard has it: a `Request` in, a `Response` out.
 *
 * @category models
 * @since 0.1.0
 */
export type FetchHandler = (request: Request) => Response | PromiseLike<Response>

/**
 * The exchange with a Fetch handler. It has the request's method, URL, headers and body, which is pulled as it is read.
 * Interrupting the exchange before the head, or discarding the body, aborts the request's signal; after that, and after
 * the end of the response, the body of the request fails for those who still read it.
 *
 * What the handler throws is a failure with the reason `Connect`, as if a server had hung up: an application that wants a
 * 500 answers one. What the Fetch standard does not have, such as `TRACE` or a GET with a body, is an `InvalidRequest`.
 * Of the time-outs, `response` and `body` are kept.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromFetch =
  (handler: FetchHandler): Exchange =>
  (request) =>
    within(
      request,
      "response",
      Effect.withFiber((fiber) =>
        Effect.callback((resume) => {
          const call = new Call(request, fiber.context, resume)
          call.start(handler)
          return Effect.sync(() => call.abort())
        })
      )
    )

/**
 * The handler of `HttpExchange` that is a Fetch handler.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { GreenHttp, MemoryExchange } from "green-http"
 *
 * const app = MemoryExchange.layer((request) => Response.json({ path: new URL(request.url).pathname }))
 *
 * const program = Effect.gen(function*() {
 *   const http = yield* GreenHttp.make({ baseUrl: "http://app.test" })
 *   const response = yield* http.get("/page")
 *   return yield* response.json
 * })
 *
 * console.log(await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(app))))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (handler: FetchHandler): Layer.Layer<HttpExchange> =>
  Layer.succeed(HttpExchange, { exchange: fromFetch(handler) })

/**
 * The exchange with a listener of node:http, or with a server of it, which need not listen. HTTP/1.1 is really spoken,
 * over connections in memory that are closed with the scope: keep-alive, chunks, trailers and back-pressure are those of
 * Node. https URLs are answered by the same listener, without TLS; its socket says that it is `encrypted`.
 *
 * Interrupting the exchange, or discarding a long body, closes the connection, of which the listener hears by `close`.
 * What the listener throws, or rejects with, is a failure with the reason `Connect`, or `Protocol` after the head; with a
 * server it is the server's own affair, as it is over the network.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromNode = (app: RequestListener | Server): Effect.Effect<Exchange, never, Scope.Scope> =>
  Effect.map(connections(app), (dispatcher) => exchangeBy(() => dispatcher, immediateTurns()))

/** A connection in memory is made at once: there is none to be given up. */
const immediateTurns = () => new Turns(() => {})

/**
 * The handler of `HttpExchange` that is a listener of node:http. It has upgrades too: a server that is given may speak
 * WebSocket.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { GreenHttp, MemoryExchange } from "green-http"
 *
 * const app = MemoryExchange.layerNode((request, response) => {
 *   response.writeHead(200, { "content-type": "text/plain" })
 *   response.end(`${request.method} ${request.url} for ${request.headers.host}`)
 * })
 *
 * const program = Effect.gen(function*() {
 *   const http = yield* GreenHttp.make({ baseUrl: "http://app.test" })
 *   const response = yield* http.get("/page")
 *   return yield* response.text
 * })
 *
 * console.log(await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(app))))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerNode = (app: RequestListener | Server): Layer.Layer<HttpExchange> =>
  Layer.effect(
    HttpExchange,
    Effect.map(connections(app), (dispatcher) => {
      const turns = immediateTurns()
      return { exchange: exchangeBy(() => dispatcher, turns), upgrade: upgradeBy(() => dispatcher, turns) }
    })
  )
