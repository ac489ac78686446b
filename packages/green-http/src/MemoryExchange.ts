/**
 * Exchanges with an application in the same process, without a socket: for tests, and for calling one's own handlers.
 * Fetch has no WebSockets, and so has this none.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { failure, HttpError } from "./HttpError.ts"
import {
  type Exchange,
  type ExchangeRequest,
  type ExchangeResponse,
  HttpExchange,
  type RequestBody,
  type ResponseBody
} from "./HttpExchange.ts"
import { toPairs } from "./HttpHeaders.ts"
import { messageOf } from "./internal/messageOf.ts"

/**
 * An application as the Fetch standard has it: a `Request` in, a `Response` out.
 *
 * @category models
 * @since 0.1.0
 */
export type FetchHandler = (request: Request) => Response | PromiseLike<Response>

/**
 * The exchange with a Fetch handler. It has the request's method, URL, headers and body, which it pulls; interrupting
 * the exchange before the head, or discarding the body, aborts the request's signal. What it throws is a failure with
 * the reason `Connect`, as if a server had hung up: an application that wants a 500 answers one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromFetch =
  (handler: FetchHandler): Exchange =>
  (request) =>
    Effect.suspend(() => {
      const controller = new AbortController()
      const asked = toRequest(request, controller.signal)
      if (asked instanceof HttpError) return Effect.fail(asked)
      return Effect.onInterrupt(
        Effect.map(
          Effect.tryPromise({
            try: async () => handler(asked),
            catch: (cause) => failure(request, { _tag: "Connect", code: "HANDLER", problem: messageOf(cause) })
          }),
          (response) => fromResponse(request, response, controller)
        ),
        () => Effect.sync(() => controller.abort())
      )
    })

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

/** What `Request` does not take is the caller's mistake. */
const toRequest = (request: ExchangeRequest, signal: AbortSignal): Request | HttpError => {
  try {
    const body = toBodyInit(request.body)
    const url = new URL(request.url)
    url.username = url.password = url.hash = ""
    return new Request(url, {
      method: request.method,
      headers: toPairs(request.headers),
      signal,
      ...(body === undefined ? {} : { body, duplex: "half" })
    })
  } catch (cause) {
    return failure(request, { _tag: "InvalidRequest", problem: messageOf(cause) })
  }
}

const toBodyInit = (
  body: RequestBody | undefined
): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | undefined => {
  if (body === undefined) return undefined
  return body instanceof Uint8Array ? new Uint8Array(body) : Stream.toReadableStream(body.stream)
}

const fromResponse = (request: ExchangeRequest, response: Response, controller: AbortController): ExchangeResponse => ({
  status: response.status,
  statusText: response.statusText,
  headers: [...response.headers].flat(),
  body: request.method === "HEAD" || response.body === null ? empty : read(request, response.body, controller)
})

const empty: ResponseBody = {
  pull: Effect.succeed(undefined),
  discard: Effect.void,
  trailers: () => []
}

const read = (
  request: ExchangeRequest,
  body: ReadableStream<Uint8Array>,
  controller: AbortController
): ResponseBody => {
  const reader = body.getReader()
  return {
    pull: Effect.map(
      Effect.tryPromise({
        try: () => reader.read(),
        catch: (cause) => failure(request, { _tag: "Protocol", code: "HANDLER", problem: messageOf(cause) })
      }),
      ({ value }) => (value === undefined ? undefined : [value])
    ),
    discard: Effect.sync(() => {
      controller.abort()
      // What it says to that does not matter any more.
      reader.cancel().catch(() => {})
    }),
    trailers: () => []
  }
}
