/**
 * Sessions: the HTTP client, straight-line in a greenlet, promises outside.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type * as Cookies from "./Cookies.ts"
import { failure, HttpError } from "./HttpError.ts"
import { HttpExchange } from "./HttpExchange.ts"
import type { HttpResponse } from "./HttpResponse.ts"
import { EncodedValue } from "./internal/body/EncodedValue.ts"
import { withPolicies } from "./internal/policies.ts"
import { Session } from "./internal/Session.ts"
import { traced } from "./internal/tracing.ts"
import { Urls } from "./internal/Urls.ts"
import { verbs } from "./internal/verbs.ts"
import { open, type Opener } from "./internal/webSocket/open.ts"
import { PromiseResponse } from "./PromiseResponse.ts"
import { PromiseWebSocket } from "./PromiseWebSocket.ts"
import type { RequestOptions, SessionOptions } from "./SessionOptions.ts"
import type { WebSocket, WebSocketOptions } from "./WebSocket.ts"

export type { Hooks, Parameter, Parameters, RequestOptions, SessionOptions, Timeouts } from "./SessionOptions.ts"

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
        const asking = new Session(traced(exchange), same, urls)
        if (session.isClosed) asking.close()
        return asking
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
