/**
 * Sessions: the HTTP client, straight-line in a greenlet, promises outside.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { Auth } from "./Auth.ts"
import type * as Cookies from "./Cookies.ts"
import type { HttpError } from "./HttpError.ts"
import { type ExchangeRequest, HttpExchange } from "./HttpExchange.ts"
import type { HeadersInput } from "./HttpHeaders.ts"
import type { HttpResponse, ResponseHead } from "./HttpResponse.ts"
import { OpenBodies } from "./internal/body/OwnedBody.ts"
import type { BodyOptions } from "./internal/body/RequestBodies.ts"
import { parseUrl, Session } from "./internal/Session.ts"
import { verbs } from "./internal/verbs.ts"
import { open, type Opener } from "./internal/webSocket/open.ts"
import { PromiseResponse, type RunPromise } from "./PromiseResponse.ts"
import { PromiseWebSocket } from "./PromiseWebSocket.ts"
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
  /** Nothing is retried unless said; `{}` is a good start. */
  readonly retry?: Retry
  readonly hooks?: Hooks
}

/**
 * What one request may have of its own.
 *
 * @category models
 * @since 0.1.0
 */
export interface RequestOptions extends BodyOptions {
  /** Added to the query of the URL. */
  readonly params?: Readonly<Record<string, string | number | boolean | ReadonlyArray<string>>>
  /** Instead of the session's of the same names. */
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
    const base = options.baseUrl === undefined ? undefined : yield* parseUrl("GET", options.baseUrl, undefined)
    const bodies = yield* Effect.acquireRelease(
      Effect.sync(() => new OpenBodies()),
      (bodies) => Effect.sync(() => bodies.end())
    )
    const session = new Session(exchange, options, base, bodies)
    const opener: Opener = {
      upgrade,
      over: (exchange) =>
        new Session(exchange, { ...options, cookies: session.cookies ?? false, decompress: false }, base, bodies)
    }
    if (options.green === false) {
      return promising(session, opener, yield* Effect.scope, Effect.runPromiseWith(yield* Effect.context()))
    }
    const request: GreenHttp["request"] = (method, url, options = {}) =>
      Effect.withFiber((fiber) => session.ask(method, url, options, fiber))
    const webSocket: GreenHttp["webSocket"] = (url, options = {}) => open(opener, url, options)
    return { green: true, cookies: session.cookies, request, ...verbs(request), webSocket } as const
  })
}

/** No fiber of the caller outlives the head: nobody but the session answers for the bodies. */
const promising = (session: Session, opener: Opener, scope: Scope.Scope, run: RunPromise): PromiseHttp => {
  const request: PromiseHttp["request"] = async (method, url, options = {}) => {
    const { signal } = options
    const response = await run(session.ask(method, url, options, undefined), signal === undefined ? {} : { signal })
    return new PromiseResponse(response, run)
  }
  const webSocket: PromiseHttp["webSocket"] = async (url, { signal, ...options } = {}) => {
    const opened = Scope.provide(open(opener, url, options), scope)
    return new PromiseWebSocket(await run(opened, signal === undefined ? {} : { signal }), run)
  }
  return { green: false, cookies: session.cookies, request, ...verbs(request), webSocket }
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
): Promise<PromiseHttp & AsyncDisposable & { readonly close: () => Promise<void> }> => {
  const scope = Scope.makeUnsafe()
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  const made = Effect.flatMap(Layer.buildWithScope(layer, scope), (context) =>
    Effect.provide(Scope.provide(make({ ...options, green: false }), scope), context)
  )
  const session = await Effect.runPromise(Effect.onError(made, () => Scope.close(scope, Exit.void)))
  return Object.assign(session, { close, [Symbol.asyncDispose]: close })
}
