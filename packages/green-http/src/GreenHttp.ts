/**
 * Sessions: the HTTP client, straight-line in a greenlet, promises outside.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type { Auth } from "./Auth.ts"
import type { CircuitBreakerOptions } from "./CircuitBreaker.ts"
import type * as Cookies from "./Cookies.ts"
import { failure, HttpError } from "./HttpError.ts"
import { type ExchangeRequest, HttpExchange } from "./HttpExchange.ts"
import type { HeadersInput } from "./HttpHeaders.ts"
import type { HttpResponse, ResponseHead } from "./HttpResponse.ts"
import type { Coding } from "./internal/body/codings.ts"
import { EncodedValue } from "./internal/body/EncodedValue.ts"
import type { BodyOptions } from "./internal/body/RequestBodies.ts"
import { withPolicies } from "./internal/policies.ts"
import { Session } from "./internal/Session.ts"
import { traced } from "./internal/tracing.ts"
import { Urls } from "./internal/Urls.ts"
import { verbs } from "./internal/verbs.ts"
import { open, type Opener } from "./internal/webSocket/open.ts"
import type { Progress } from "./Progress.ts"
import { PromiseResponse } from "./PromiseResponse.ts"
import { PromiseWebSocket } from "./PromiseWebSocket.ts"
import type { RateLimitOptions } from "./RateLimit.ts"
import type { Retry, RetryCause } from "./Retry.ts"
import type { WebSocket, WebSocketOptions } from "./WebSocket.ts"

/**
 * How long an exchange may take, by phase. Any time unless said.
 *
 * @category models
 * @since 0.1.0
 */
export interface Timeouts {
  /** Until there is a connection: a free one, or a new one. */
  readonly connection?: Duration.Input
  /** From then until the head of the response. */
  readonly response?: Duration.Input
  /** Until the next bytes of the body, whenever the caller waits for some. */
  readonly body?: Duration.Input
  /** From the call until the head of the last response, redirects and authentication included. */
  readonly total?: Duration.Input
}

/**
 * What is called as requests go by: for logging, measuring, and the like. What a hook answers does not matter.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hooks {
  /** Before each exchange, those of redirects and of authentication too. */
  readonly request?: (request: ExchangeRequest) => Effect.Effect<unknown>
  /** After each. */
  readonly response?: (response: ResponseHead, request: ExchangeRequest) => Effect.Effect<unknown>
  /** Before a request is sent again, with how many attempts there have been. */
  readonly retry?: (request: ExchangeRequest, cause: RetryCause, attempts: number) => Effect.Effect<unknown>
  /** Before a redirect is followed. */
  readonly redirect?: (response: ResponseHead, next: ExchangeRequest) => Effect.Effect<unknown>
}

/**
 * What a session has for all of its requests.
 *
 * @category models
 * @since 0.1.0
 */
export interface SessionOptions {
  /** What the URLs of requests are relative to. `headers`, `auth` and `cookies` are for its origin only. */
  readonly baseUrl?: string | URL
  readonly headers?: HeadersInput
  readonly auth?: Auth
  /** A jar to share; `false` for none. A jar of its own unless said. */
  readonly cookies?: Cookies.Cookies | false
  /** How many redirects are followed: 20 unless said, and 0 for none, which gives the redirect itself. */
  readonly redirects?: number
  readonly timeouts?: Timeouts
  /** The most bytes that `bytes`, `text` and `json` take: 64 MiB unless said. A stream has no limit. */
  readonly maxBytes?: number
  /** Whether compressed bodies are asked for, and decompressed: they are unless said. */
  readonly decompress?: boolean
  /**
   * Compresses what is sent, and says so in its Content-Encoding: for servers that are known to take it. A body whose
   * Content-Encoding is among the headers is sent as it is. Nothing is compressed unless said.
   */
  readonly compress?: Coding
  /** Nothing is retried unless said; `{}` is a good start. */
  readonly retry?: Retry
  /**
   * How many requests an origin gets in what time; any number unless said. All exchanges count: redirects, retries and
   * authentication too. The time that they wait is in no time-out but `total`.
   */
  readonly rateLimit?: RateLimitOptions
  /** When an origin that fails is left alone for a while: never unless said, and `{}` is a good start. */
  readonly circuitBreaker?: CircuitBreakerOptions
  readonly hooks?: Hooks
}

/**
 * A value of the query of a URL.
 *
 * @category models
 * @since 0.1.0
 */
export type Parameter = string | number | boolean

/**
 * What one request may have of its own.
 *
 * @category models
 * @since 0.1.0
 */
export interface RequestOptions extends BodyOptions {
  /** Instead of the session's; `false` for none. */
  readonly compress?: Coding | false
  /** Is told how many bytes go over the wire. */
  readonly progress?: Progress
  /** Added to the query of the URL, which stays as it is. A value that is `undefined` is left out. */
  readonly params?: Readonly<Record<string, Parameter | ReadonlyArray<Parameter> | undefined>>
  /** Instead of the session's of the same names. One that is `undefined` is not sent, whatever the session has. */
  readonly headers?: HeadersInput
  /**
   * Instead of the session's; `false` for none. Sent to the origin of this request, whatever it is. A user and password
   * in the URL are basic authentication.
   */
  readonly auth?: Auth | false
  readonly redirects?: number
  readonly timeouts?: Timeouts
  readonly maxBytes?: number
  /** Instead of the session's; `false` for none. */
  readonly retry?: Retry | false
}

/**
 * A session.
 *
 * @category models
 * @since 0.1.0
 */
export interface GreenHttp {
  readonly green: true
  /**
   * Closes the session, as the end of its scope does: requests to come fail with the reason `Closed`, bodies that nobody
   * has read are let go, and what is on the way fails when its head is here. The connections are those of the exchange,
   * and stay. Harmless when it is closed.
   */
  readonly close: Effect.Effect<void>
  readonly cookies: Cookies.Cookies | undefined
  /** Performs a request: the head of the response is here, its body is to be read. */
  readonly request: (
    method: string,
    url: string | URL,
    options?: RequestOptions
  ) => Effect.Effect<HttpResponse, HttpError>
  readonly get: Verb
  readonly head: Verb
  readonly post: Verb
  readonly put: Verb
  readonly patch: Verb
  readonly delete: Verb
  readonly options: Verb
  /**
   * Opens a WebSocket, for as long as the scope. The URL is ws, wss, http or https: `ws://host` is the origin
   * `http://host`, whose headers, cookies and auth are those of the session. Redirects are not followed.
   *
   * Fails with the reason `Status` when the server refuses, and `Unsupported` over a handler without `upgrade`. When the
   * scope ends the WebSocket is closed: 1000, or 1001 if the scope ends with a failure.
   */
  readonly webSocket: (
    url: string | URL,
    options?: WebSocketOptions
  ) => Effect.Effect<WebSocket, HttpError, Scope.Scope>
}

/**
 * A method of a session.
 *
 * @category models
 * @since 0.1.0
 */
export type Verb = (url: string | URL, options?: RequestOptions) => Effect.Effect<HttpResponse, HttpError>

/**
 * A session for code without Effect: the same methods give promises. Bodies that nobody reads are discarded when the
 * session is closed.
 *
 * @category models
 * @since 0.1.0
 */
export interface PromiseHttp {
  readonly green: false
  /**
   * The same as of a session without promises, but what is on the way is interrupted at once, and rejects with the reason
   * `Closed`. One that was made by `promises` closes its layer too.
   */
  readonly close: () => Promise<void>
  readonly cookies: Cookies.Cookies | undefined
  readonly request: (method: string, url: string | URL, options?: RequestOptions & Signal) => Promise<PromiseResponse>
  readonly get: PromiseVerb
  readonly head: PromiseVerb
  readonly post: PromiseVerb
  readonly put: PromiseVerb
  readonly patch: PromiseVerb
  readonly delete: PromiseVerb
  readonly options: PromiseVerb
  /** Opens a WebSocket, until it is closed, or the session. */
  readonly webSocket: (url: string | URL, options?: WebSocketOptions & Signal) => Promise<PromiseWebSocket>
}

/**
 * What interrupts a request that is made by a promise.
 *
 * @category models
 * @since 0.1.0
 */
export interface Signal {
  readonly signal?: AbortSignal
}

/**
 * A method of a session that gives promises. They reject with `HttpError`.
 *
 * @category models
 * @since 0.1.0
 */
export type PromiseVerb = (url: string | URL, options?: RequestOptions & Signal) => Promise<PromiseResponse>

/**
 * A value for the option `json`, checked and encoded by its Schema before anything is sent. One that does not fit fails
 * the request with the reason `RequestBody`, and the Schema's words. The encoding may not need services.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 * import { GreenHttp, MemoryExchange } from "green-http"
 *
 * const User = Schema.Struct({ name: Schema.String, born: Schema.DateFromString })
 * const app = MemoryExchange.layer((request) => new Response(request.body))
 *
 * const program = Effect.gen(function*() {
 *   const http = yield* GreenHttp.make({ baseUrl: "http://app.test" })
 *   const response = yield* http.post("/users", { json: GreenHttp.encoded(User, { name: "Ada", born: new Date(0) }) })
 *   const user = yield* response.decode(User)
 *   return user.born.getTime()
 * })
 *
 * console.log(await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(app))))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const encoded = <S extends Schema.ConstraintEncoder<unknown>>(schema: S, value: S["Type"]): EncodedJson =>
  new EncodedValue(schema, value)

/**
 * A value with its Schema, to be sent as JSON.
 *
 * @category models
 * @since 0.1.0
 */
export type EncodedJson = EncodedValue

/**
 * A session over the exchange of where it is made. With `green: false` its methods give promises.
 *
 * Fails when the base URL is none.
 *
 * @category constructors
 * @since 0.1.0
 */
export function make(
  options?: SessionOptions & { readonly green?: true }
): Effect.Effect<GreenHttp, HttpError, HttpExchange | Scope.Scope>
export function make(
  options: SessionOptions & { readonly green: false }
): Effect.Effect<PromiseHttp, HttpError, HttpExchange | Scope.Scope>
export function make(
  options: SessionOptions & { readonly green?: boolean } = {}
): Effect.Effect<GreenHttp | PromiseHttp, HttpError, HttpExchange | Scope.Scope> {
  return Effect.gen(function* () {
    const { exchange, upgrade } = yield* HttpExchange
    const urls = Urls.make(options.baseUrl)
    if (urls instanceof HttpError) return yield* Effect.fail(urls)
    const guarded = yield* withPolicies(traced(exchange), options)
    const session = yield* Effect.acquireRelease(
      Effect.sync(() => new Session(guarded, options, urls)),
      (session) => Effect.sync(() => session.close())
    )
    // The handshake of a WebSocket is asked for as anything else, by another exchange.
    const opener: Opener = {
      upgrade,
      over: (exchange) => {
        const same = { ...options, cookies: session.cookies ?? false, decompress: false } as const
        return new Session(traced(exchange), same, urls)
      }
    }
    if (options.green === false) return promising(session, opener, yield* Effect.scope, yield* Effect.context())
    const request: GreenHttp["request"] = (method, url, options = {}) => session.ask(method, url, options)
    const close = Effect.sync(() => session.close())
    const webSocket: GreenHttp["webSocket"] = (url, options = {}) => open(opener, url, options)
    return { green: true, cookies: session.cookies, close, request, ...verbs(request), webSocket } as const
  })
}

/** The fiber of a promise ends with the head: then nobody but the session answers for the body. */
const promising = (
  session: Session,
  opener: Opener,
  scope: Scope.Scope,
  context: Context.Context<never>
): PromiseHttp => {
  const fork = Effect.runForkWith(context)
  const run = Effect.runPromiseWith(context)
  const request: PromiseHttp["request"] = (method, url, options = {}) => {
    const { signal } = options
    const fiber = fork(session.ask(method, url, options), signal === undefined ? {} : { signal })
    return new Promise((resolve, reject) => {
      session.promised.add(fiber)
      fiber.addObserver((exit) => {
        session.promised.delete(fiber)
        if (exit._tag === "Success") resolve(new PromiseResponse(exit.value, run))
        else if (session.isClosed && Cause.hasInterruptsOnly(exit.cause))
          reject(failure({ method, url }, { _tag: "Closed" }))
        else reject(Cause.squash(exit.cause))
      })
    })
  }
  const webSocket: PromiseHttp["webSocket"] = async (url, { signal, ...options } = {}) => {
    const opened = Scope.provide(open(opener, url, options), scope)
    return new PromiseWebSocket(await run(opened, signal === undefined ? {} : { signal }), run)
  }
  const close = async () => session.close()
  return { green: false, cookies: session.cookies, close, request, ...verbs(request), webSocket }
}

/**
 * A session that gives promises, over the exchange of a layer: for code without Effect. Closed by `close`, or by
 * `await using`.
 *
 * @example
 * ```ts
 * import { GreenHttp, MemoryExchange } from "green-http"
 *
 * await using http = await GreenHttp.promises(MemoryExchange.layer(() => new Response("hello")))
 * const response = await http.get("http://app.test/")
 * console.log(await response.text())
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const promises = async <E>(
  layer: Layer.Layer<HttpExchange, E>,
  options?: SessionOptions
): Promise<PromiseHttp & AsyncDisposable> => {
  const scope = Scope.makeUnsafe()
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  const made = Effect.flatMap(Layer.buildWithScope(layer, scope), (context) =>
    Effect.provide(Scope.provide(make({ ...options, green: false }), scope), context)
  )
  const session = await Effect.runPromise(Effect.onError(made, () => Scope.close(scope, Exit.void)))
  return Object.assign(session, { close, [Symbol.asyncDispose]: close })
}
