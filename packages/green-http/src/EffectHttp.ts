/**
 * A session as the `HttpClient` of effect/http, so that what the ecosystem writes for that works over it.
 *
 * effect/http is not stable yet: this is the only module here that knows it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as GreenHttp from "./GreenHttp.ts"
import type { HttpError } from "./HttpError.ts"
import type { HttpExchange } from "./HttpExchange.ts"
import { toPairs, without } from "./HttpHeaders.ts"
import type { HttpResponse } from "./HttpResponse.ts"

/**
 * The client of a session: its cookies, auth, redirects and time-outs are at work. A failure is a `TransportError`, or an
 * `InvalidUrlError`, with the `HttpError` as its cause.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (session: GreenHttp.GreenHttp): HttpClient.HttpClient =>
  HttpClient.make((request, url, signal) =>
    Effect.mapBoth(
      Effect.suspend(() => session.request(request.method, url, { headers: request.headers, ...bodyOf(request.body) })),
      {
        onFailure: (error) => failure(request, error),
        onSuccess: (response) => HttpClientResponse.fromWeb(request, toWeb(response, signal))
      }
    )
  )

/**
 * The `HttpClient` over a session of its own.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as HttpClient from "effect/http/HttpClient"
 * import * as Layer from "effect/Layer"
 * import { MemoryExchange } from "green-http"
 * import * as EffectHttpClient from "green-http/EffectHttpClient"
 *
 * const app = MemoryExchange.layer(() => new Response("hello"))
 * const client = Layer.provide(EffectHttpClient.layer({ redirects: 5 }), app)
 *
 * const program = HttpClient.get("http://app.test/").pipe(Effect.flatMap((response) => response.text))
 * console.log(await Effect.runPromise(Effect.provide(program, client)))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options?: GreenHttp.SessionOptions
): Layer.Layer<HttpClient.HttpClient, HttpError, HttpExchange> =>
  Layer.effect(HttpClient.HttpClient, Effect.map(GreenHttp.make(options), make))

const bodyOf = (body: HttpBody.HttpBody): GreenHttp.RequestOptions => {
  switch (body._tag) {
    case "Empty":
      return {}
    case "Uint8Array":
      return { body: body.body }
    case "FormData":
      return { multipart: body.formData }
    case "Stream":
      return body.contentLength === undefined
        ? { body: body.stream }
        : { body: body.stream, length: body.contentLength }
    case "Raw":
      return rawBody(body.body)
  }
}

/** What a Fetch client would take as it is: text, bytes, a form, a Blob or a stream. */
const rawBody = (body: unknown): GreenHttp.RequestOptions => {
  if (typeof body === "string" || body instanceof Uint8Array) return { body }
  if (body instanceof URLSearchParams) return { form: body }
  if (body instanceof FormData) return { multipart: body }
  const source = body instanceof Blob ? body.stream() : body
  if (source instanceof ReadableStream) {
    return {
      body: Stream.fromReadableStream<Uint8Array, unknown>({ evaluate: () => source, onError: (cause) => cause })
    }
  }
  return { body: Stream.fail(new TypeError(`a body of this kind cannot be sent: ${String(body)}`)) }
}

const withoutBody = new Set([101, 103, 204, 205, 304])

/** The body is pulled as the other side reads; it is discarded when that cancels, or the client aborts. */
const toWeb = (response: HttpResponse, signal: AbortSignal): Response => {
  const { rawHeaders, status, statusText } = response
  // The body is as it was before it was compressed.
  const headers = toPairs(response.decoded ? without(rawHeaders, "content-encoding", "content-length") : rawHeaders)
  const discard = () => Effect.runFork(response.discard)
  signal.addEventListener("abort", discard, { once: true })
  const body = withoutBody.has(status) || response.method === "HEAD" ? null : Stream.toReadableStream(response.stream)
  return new Response(body, { status, statusText, headers })
}

const failure = (request: HttpClientRequest.HttpClientRequest, error: HttpError): HttpClientError.HttpClientError =>
  new HttpClientError.HttpClientError({
    reason:
      error.reason._tag === "InvalidUrl"
        ? new HttpClientError.InvalidUrlError({ request, cause: error, description: error.message })
        : new HttpClientError.TransportError({ request, cause: error, description: error.message })
  })
