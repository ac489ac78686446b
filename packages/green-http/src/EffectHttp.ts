/**
 * To and from effect/http: a session as its `HttpClient`, so that what the ecosystem writes for that works over it; and, the
 * other way, a client or an application of effect/http as the exchange under a session.
 *
 * effect/http is not stable yet: this is the only module here that knows it.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cookies from "effect/http/Cookies"
import * as EffectHeaders from "effect/http/Headers"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpEffect from "effect/http/HttpEffect"
import { isHttpMethod } from "effect/http/HttpMethod"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as UrlParams from "effect/http/UrlParams"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as GreenHttp from "./GreenHttp.ts"
import { failure, type HttpError, type HttpErrorReason } from "./HttpError.ts"
import { type Exchange, type ExchangeRequest, type ExchangeResponse, HttpExchange } from "./HttpExchange.ts"
import { toRaw, toRecord, without } from "./HttpHeaders.ts"
import { outgoing } from "./internal/body/outgoing.ts"
import { PromisedBody } from "./internal/body/PromisedBody.ts"
import { rawBody, toWeb } from "./internal/fetchTypes.ts"
import { messageOf } from "./internal/messageOf.ts"
import { within } from "./internal/timeouts.ts"
import { reasonOf, systemError } from "./internal/undici/errors.ts"
import * as MemoryExchange from "./MemoryExchange.ts"

/**
 * The client of a session: its cookies, auth, redirects and time-outs are at work. A failure is a `TransportError`, or an
 * `InvalidUrlError`, with the `HttpError` as its cause.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toClient = (session: GreenHttp.GreenHttp): HttpClient.HttpClient =>
  HttpClient.make((request, url, signal) =>
    Effect.mapBoth(
      Effect.suspend(() => session.request(request.method, url, { headers: request.headers, ...bodyOf(request.body) })),
      {
        onFailure: (error) => clientError(request, error),
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
 * import * as EffectHttp from "green-http/EffectHttp"
 *
 * const app = MemoryExchange.layer(() => new Response("hello"))
 * const client = Layer.provide(EffectHttp.layerClient({ redirects: 5 }), app)
 *
 * const program = HttpClient.get("http://app.test/").pipe(Effect.flatMap((response) => response.text))
 * console.log(await Effect.runPromise(Effect.provide(program, client)))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerClient = (
  options?: GreenHttp.SessionOptions
): Layer.Layer<HttpClient.HttpClient, HttpError, HttpExchange> =>
  Layer.effect(HttpClient.HttpClient, Effect.map(GreenHttp.make(options), toClient))

/**
 * The exchange by a client of effect/http. Interrupting the exchange, or discarding the body, aborts the client's request.
 *
 * Nothing is added to what the client does, and what it does by itself stays: one that follows redirects hides them, and
 * fetch undoes compression (then Content-Encoding and Content-Length are left out). Its model is narrower than the
 * exchange's: a method that it does not know is an `InvalidRequest`, fields of one name are joined, cookies are written
 * anew, there is no status text, and there are no trailers. Of the time-outs, `response` and `body` are kept.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromClient = (client: HttpClient.HttpClient): Exchange => {
  const scoped = HttpClient.withScope(client)
  return (request) =>
    within(
      request,
      "response",
      Effect.withFiber((fiber) => {
        if (!isHttpMethod(request.method))
          return Effect.fail(
            failure(request, { _tag: "InvalidRequest", problem: `effect/http has no method ${request.method}` })
          )
        const scope = Scope.makeUnsafe()
        const sent = new Sent(request)
        return scoped.execute(toClientRequest(request, sent)).pipe(
          Effect.provideService(Scope.Scope, scope),
          Effect.mapError((error) => sent.failure ?? failure(request, reasonFor(error, false))),
          Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit))),
          Effect.map((response) => fromClientResponse(request, response, sent, scope, fiber.context))
        )
      })
    )
}

/**
 * The handler of `HttpExchange` that is the `HttpClient`.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as HttpClient from "effect/http/HttpClient"
 * import * as HttpClientResponse from "effect/http/HttpClientResponse"
 * import * as Layer from "effect/Layer"
 * import { GreenHttp } from "green-http"
 * import * as EffectHttp from "green-http/EffectHttp"
 *
 * const hello = HttpClient.make((request) =>
 *   Effect.succeed(HttpClientResponse.fromWeb(request, new Response("hello")))
 * )
 * const exchange = Layer.provide(EffectHttp.layerFromClient, Layer.succeed(HttpClient.HttpClient, hello))
 *
 * const program = Effect.gen(function*() {
 *   const http = yield* GreenHttp.make()
 *   return yield* Effect.flatMap(http.get("http://app.test/"), (response) => response.text)
 * })
 *
 * console.log(await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(exchange))))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFromClient: Layer.Layer<HttpExchange, never, HttpClient.HttpClient> = Layer.effect(
  HttpExchange,
  HttpClient.HttpClient.useSync((client) => ({ exchange: fromClient(client) }))
)

/**
 * The exchange with an application of effect/http, in the same process: an Effect of the response, or the app of an
 * `HttpRouter`. It has the services of the caller of `fromApp`, and a Scope of its own for each request, which is closed
 * when the response has ended.
 *
 * As effect/http has it, a failure of the application is a response, such as a 500; one of its body's stream is a failure
 * with the reason `Protocol`. Interrupting the exchange, or discarding the body, interrupts the application. One that has
 * routes which must not be interrupted is given as `Effect.uninterruptible(app)`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromApp = <E, R>(
  app: Effect.Effect<HttpServerResponse, E, R>
): Effect.Effect<Exchange, never, Exclude<R, HttpServerRequest | Scope.Scope>> =>
  Effect.map(Effect.context<Exclude<R, HttpServerRequest | Scope.Scope>>(), (context) =>
    MemoryExchange.fromFetch(
      // Left to itself, the handler would run what is not a router's without interruption.
      HttpEffect.toWebHandlerWith<Exclude<R, HttpServerRequest | Scope.Scope>, R, never>(context)(
        Effect.interruptible(app)
      )
    )
  )

/**
 * The handler of `HttpExchange` that is an application of effect/http.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as HttpServerRequest from "effect/http/HttpServerRequest"
 * import * as HttpServerResponse from "effect/http/HttpServerResponse"
 * import { GreenHttp } from "green-http"
 * import * as EffectHttp from "green-http/EffectHttp"
 *
 * const app = Effect.gen(function*() {
 *   const request = yield* HttpServerRequest.HttpServerRequest
 *   return HttpServerResponse.text(`hello from ${request.url}`)
 * })
 *
 * const program = Effect.gen(function*() {
 *   const http = yield* GreenHttp.make()
 *   return yield* Effect.flatMap(http.get("http://app.test/page"), (response) => response.text)
 * })
 *
 * console.log(await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(EffectHttp.layerFromApp(app)))))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFromApp = <E, R>(
  app: Effect.Effect<HttpServerResponse, E, R>
): Layer.Layer<HttpExchange, never, Exclude<R, HttpServerRequest | Scope.Scope>> =>
  Layer.effect(
    HttpExchange,
    Effect.map(fromApp(app), (exchange) => ({ exchange }))
  )

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

const clientError = (request: HttpClientRequest.HttpClientRequest, error: HttpError): HttpClientError.HttpClientError =>
  new HttpClientError.HttpClientError({
    reason:
      error.reason._tag === "InvalidUrl"
        ? new HttpClientError.InvalidUrlError({ request, cause: error, description: error.message })
        : new HttpClientError.TransportError({ request, cause: error, description: error.message })
  })

/** What is sent, and why it could not be, if that was its own fault. */
class Sent {
  readonly body: HttpBody.HttpBody
  failure: HttpError | undefined

  constructor(request: ExchangeRequest) {
    const { body } = request
    if (body === undefined) this.body = HttpBody.empty
    else if (body instanceof Uint8Array) this.body = HttpBody.uint8Array(body)
    else {
      const stream = Stream.tapError(outgoing(request, body), (error) => Effect.sync(() => (this.failure = error)))
      this.body = HttpBody.stream(stream, undefined, body.length)
    }
  }
}

/** The fields are ours alone: a body would add a type of its own. */
const toClientRequest = ({ body, headers, method, url }: ExchangeRequest, sent: Sent) => {
  const bare = new URL(url)
  bare.username = bare.password = bare.hash = ""
  const fields = EffectHeaders.fromInput(toRecord(headers))
  const length = body instanceof Uint8Array ? body.byteLength : body?.length
  return HttpClientRequest.makeWith(
    method,
    bare.href,
    UrlParams.empty,
    Option.none(),
    length === undefined || "content-length" in fields
      ? fields
      : EffectHeaders.set(fields, "content-length", String(length)),
    sent.body
  )
}

const fromClientResponse = (
  request: ExchangeRequest,
  response: HttpClientResponse.HttpClientResponse,
  sent: Sent,
  scope: Scope.Closeable,
  context: Context.Context<never>
): ExchangeResponse => {
  const chunks = Stream.toAsyncIterableWith(response.stream, context)[Symbol.asyncIterator]()
  const close = Scope.close(scope, Exit.void)
  const body = new PromisedBody(request, {
    next: () => chunks.next().catch(endIfEmpty),
    failure: (cause) =>
      sent.failure ??
      failure(request, HttpClientError.isHttpClientError(cause) ? reasonFor(cause, true) : broken(cause)),
    cancel: Effect.andThen(close, Effect.promise(async () => chunks.return?.()).pipe(Effect.ignoreCause)),
    ended: () => Effect.runFork(close)
  })
  return { status: response.status, ...headOf(response), body }
}

/** There is no stream of a body that is not there. */
const endIfEmpty = (cause: unknown): { readonly done: true } => {
  if (HttpClientError.isHttpClientError(cause) && cause.reason._tag === "EmptyBodyError") return { done: true }
  throw cause
}

/** As it came, where there is a response of fetch: the client's own has less. */
const headOf = (response: HttpClientResponse.HttpClientResponse): Pick<ExchangeResponse, "statusText" | "headers"> => {
  const web = Option.getOrUndefined(HttpClientResponse.toWeb(response))
  if (web === undefined) {
    const cookies = Cookies.toSetCookieHeaders(response.cookies).flatMap((line) => ["set-cookie", line])
    return { statusText: "", headers: [...without(toRaw(response.headers), "set-cookie"), ...cookies] }
  }
  const headers = [...web.headers].flat()
  // It has a URL if fetch has made it, which has undone the compression then.
  const isPlain = web.url === ""
  return {
    statusText: web.statusText,
    headers: isPlain ? headers : without(headers, "content-encoding", "content-length")
  }
}

const reasonFor = ({ reason }: HttpClientError.HttpClientError, answered: boolean): HttpErrorReason => {
  switch (reason._tag) {
    case "InvalidUrlError":
      return { _tag: "InvalidUrl", value: reason.request.url, problem: messageOf(reason.cause) }
    case "StatusCodeError":
      return { _tag: "Status", status: reason.response.status }
    case "EncodeError":
      return { _tag: "RequestBody", cause: reason.cause }
    default:
      if (reason.cause instanceof Error) return reasonOf(systemError(reason.cause), answered)
      return answered ? broken(reason) : { _tag: "Connect", code: "CLIENT", problem: messageOf(reason) }
  }
}

const broken = (cause: unknown): HttpErrorReason => ({ _tag: "Protocol", code: "CLIENT", problem: messageOf(cause) })
