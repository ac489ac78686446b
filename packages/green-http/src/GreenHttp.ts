/**
 * Sessions: the HTTP client, straight-line in a greenlet, promises outside.
 *
 * Everything here is policy above one `HttpExchange`, and each policy is a module of its own: `Redirect`, `Cookies`,
 * `Auth`, the bodies. This module puts them in order.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import type { Auth } from "./Auth.ts"
import { acceptEncoding, decompress } from "./internal/body/decompress.ts"
import { OpenBodies, OwnedBody, type Owner } from "./internal/body/OwnedBody.ts"
import { type BodyOptions, encode } from "./internal/body/RequestBodies.ts"
import * as Cookies from "./Cookies.ts"
import { failure, type HttpError } from "./HttpError.ts"
import {
  type Exchange,
  type ExchangeRequest,
  type ExchangeResponse,
  HttpExchange,
  type RawHeaders
} from "./HttpExchange.ts"
import * as Headers from "./HttpHeaders.ts"
import { Head, type HttpResponse, Received, type ResponseHead } from "./HttpResponse.ts"
import { PromiseResponse, type RunPromise } from "./PromiseResponse.ts"
import * as Redirect from "./Redirect.ts"

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
  readonly headers?: Headers.HeadersInput
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
  readonly headers?: Headers.HeadersInput
  /** Instead of the session's; `false` for none. Sent to the origin of this request, whatever it is. */
  readonly auth?: Auth | false
  readonly redirects?: number
  readonly timeouts?: Timeouts
  readonly maxBytes?: number
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
    const { exchange } = yield* HttpExchange
    const base = options.baseUrl === undefined ? undefined : yield* parseUrl("GET", options.baseUrl, undefined)
    const session = new Session(exchange, options, base)
    if (options.green !== false) return session
    const bodies = yield* Effect.acquireRelease(
      Effect.sync(() => new OpenBodies()),
      (bodies) => Effect.sync(() => bodies.end())
    )
    return new PromiseSession(session, bodies, Effect.runPromiseWith(yield* Effect.context()))
  })
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

const parseUrl = (method: string, value: string | URL, base: URL | undefined): Effect.Effect<URL, HttpError> => {
  const url = value instanceof URL ? new URL(value) : URL.parse(value, base)
  const problem =
    url === null
      ? base === undefined
        ? "it is not absolute, and the session has no baseUrl"
        : "it cannot be parsed"
      : url.protocol === "http:" || url.protocol === "https:"
        ? undefined
        : `its scheme is ${url.protocol}`
  return url === null || problem !== undefined
    ? Effect.fail(failure({ method, url: value }, { _tag: "InvalidUrl", value: String(value), problem: problem ?? "" }))
    : Effect.succeed(url)
}

class Session implements GreenHttp {
  readonly green = true
  readonly cookies: Cookies.Cookies | undefined
  readonly #exchange: Exchange
  readonly #options: SessionOptions
  readonly #base: URL | undefined
  readonly #headers: RawHeaders

  constructor(exchange: Exchange, options: SessionOptions, base: URL | undefined) {
    this.cookies = options.cookies === false ? undefined : (options.cookies ?? Cookies.make())
    this.#exchange = exchange
    this.#options = options
    this.#base = base
    this.#headers = Headers.toRaw(options.headers)
  }

  readonly get: Verb = (url, options) => this.request("GET", url, options)
  readonly head: Verb = (url, options) => this.request("HEAD", url, options)
  readonly post: Verb = (url, options) => this.request("POST", url, options)
  readonly put: Verb = (url, options) => this.request("PUT", url, options)
  readonly patch: Verb = (url, options) => this.request("PATCH", url, options)
  readonly delete: Verb = (url, options) => this.request("DELETE", url, options)
  readonly options: Verb = (url, options) => this.request("OPTIONS", url, options)

  request(method: string, url: string | URL, options: RequestOptions = {}): Effect.Effect<HttpResponse, HttpError> {
    return this.ask(method, url, options, undefined)
  }

  /** The body belongs to the owner, or to the fiber that asks. */
  ask(
    method: string,
    to: string | URL,
    options: RequestOptions,
    owner: Owner | undefined
  ): Effect.Effect<HttpResponse, HttpError> {
    const request = Effect.flatMap(parseUrl(method, to, this.#base), (url) => this.#prepare(method, url, options))
    const performed = Effect.flatMap(request, (request) => this.#perform(request, options, owner))
    const total = options.timeouts?.total ?? this.#options.timeouts?.total
    if (total === undefined) return performed
    return Effect.timeoutOrElse(performed, {
      duration: total,
      orElse: () =>
        Effect.fail(
          failure({ method, url: to }, { _tag: "Timeout", phase: "total", milliseconds: Duration.toMillis(total) })
        )
    })
  }

  /** Whether the session's own headers, auth and cookies may go there. */
  #isOwn(url: URL): boolean {
    return this.#base === undefined || url.origin === this.#base.origin
  }

  #prepare(method: string, url: URL, options: RequestOptions): Effect.Effect<ExchangeRequest, HttpError> {
    return Effect.suspend(() => {
      for (const [name, value] of Object.entries(options.params ?? {})) {
        for (const one of Array.isArray(value) ? value : [String(value)]) url.searchParams.append(name, one)
      }
      let encoded: ReturnType<typeof encode>
      try {
        encoded = encode(options, { method, url })
      } catch (cause) {
        return Effect.fail(failure({ method, url }, { _tag: "RequestBody", cause }))
      }
      const headers = Headers.merge(this.#isOwn(url) ? this.#headers : [], Headers.toRaw(options.headers))
      if (encoded.type !== undefined && Headers.get(headers, "content-type") === undefined) {
        headers.push("content-type", encoded.type)
      }
      if (this.#options.decompress !== false && Headers.get(headers, "accept-encoding") === undefined) {
        headers.push("accept-encoding", acceptEncoding)
      }
      const problem = token.test(method) ? Headers.problem(headers) : `${JSON.stringify(method)} is no method`
      if (problem !== undefined) return Effect.fail(failure({ method, url }, { _tag: "InvalidRequest", problem }))
      const timeouts = milliseconds({ ...this.#options.timeouts, ...options.timeouts })
      return Effect.succeed({
        method,
        url,
        headers,
        ...(encoded.body === undefined ? {} : { body: encoded.body }),
        ...(timeouts === undefined ? {} : { timeouts })
      })
    })
  }

  #perform(
    first: ExchangeRequest,
    options: RequestOptions,
    owner: Owner | undefined
  ): Effect.Effect<HttpResponse, HttpError> {
    return Effect.withFiber((fiber) => {
      const started = performance.now()
      const limit = options.redirects ?? this.#options.redirects ?? 20
      const history: Array<ResponseHead> = []
      const auth =
        options.auth === false ? undefined : (options.auth ?? (this.#isOwn(first.url) ? this.#options.auth : undefined))

      const follow = (request: ExchangeRequest, authentic: boolean): Effect.Effect<HttpResponse, HttpError> =>
        Effect.flatMap(this.#authorized(request, authentic ? auth : undefined), (response) => {
          const elapsed = performance.now() - started
          const next = limit === 0 ? undefined : Redirect.next(request, response)
          if (next === undefined || next._tag === "Impossible") {
            return this.#receive(owner ?? fiber, request, response, history, elapsed, options)
          }
          if (history.length >= limit) {
            return Effect.andThen(
              response.body.discard,
              Effect.fail(failure(request, { _tag: "TooManyRedirects", limit }))
            )
          }
          const head = new Head(request, response, elapsed)
          history.push(head)
          const told = this.#options.hooks?.redirect?.(head, next.request) ?? Effect.void
          return Effect.andThen(
            Effect.andThen(response.body.discard, told),
            follow(next.request, authentic && !next.crossOrigin)
          )
        })
      return follow(first, true)
    })
  }

  /** The exchange with what it needs to be let in, a second time if need be. */
  #authorized(request: ExchangeRequest, auth: Auth | undefined): Effect.Effect<ExchangeResponse, HttpError> {
    const own = Headers.get(request.headers, "authorization") !== undefined
    if (auth === undefined || own) return this.#send(request, request)
    const attempt = (again: boolean): Effect.Effect<ExchangeResponse, HttpError> =>
      Effect.flatMap(auth.authorize(request), (authorization) => {
        const headers =
          authorization === undefined
            ? request.headers
            : [...request.headers, "authorization", Redacted.value(authorization)]
        return Effect.flatMap(this.#send(request, { ...request, headers }), (response) => {
          if (response.status !== 401) {
            return auth.answered === undefined
              ? Effect.succeed(response)
              : Effect.as(auth.answered(response.headers), response)
          }
          if (auth.challenged === undefined || !again || !Redirect.isRepeatable(request.body))
            return Effect.succeed(response)
          return Effect.flatMap(auth.challenged(request, response.headers), (repeat) =>
            repeat ? Effect.andThen(response.body.discard, attempt(false)) : Effect.succeed(response)
          )
        })
      })
    return attempt(true)
  }

  /** One exchange, with the cookies of the session. `asked` is what the hooks see: it has no secrets added. */
  #send(asked: ExchangeRequest, request: ExchangeRequest): Effect.Effect<ExchangeResponse, HttpError> {
    const { hooks } = this.#options
    const jar = this.cookies
    const cookie = jar !== undefined && this.#isOwn(request.url) ? jar.header(request.url) : undefined
    const withCookies = cookie === undefined ? request : { ...request, headers: withCookie(request.headers, cookie) }
    let sent = this.#exchange(withCookies)
    if (hooks?.request !== undefined) sent = Effect.andThen(hooks.request(asked), sent)
    if (jar === undefined && hooks?.response === undefined) return sent
    const started = performance.now()
    return Effect.flatMap(sent, (response) => {
      if (jar !== undefined && this.#isOwn(request.url)) jar.store(request.url, response.headers)
      const told = hooks?.response?.(new Head(asked, response, performance.now() - started), asked)
      return told === undefined ? Effect.succeed(response) : Effect.as(told, response)
    })
  }

  #receive(
    owner: Owner,
    request: ExchangeRequest,
    response: ExchangeResponse,
    history: ReadonlyArray<ResponseHead>,
    elapsed: number,
    options: RequestOptions
  ): Effect.Effect<HttpResponse> {
    return Effect.sync(() => {
      const coding = this.#options.decompress === false ? undefined : Headers.get(response.headers, "content-encoding")
      const inflated =
        coding === undefined || request.method === "HEAD"
          ? undefined
          : decompress(response.body, coding, (reason) => failure(request, reason))
      const body = new OwnedBody(inflated ?? response.body, owner)
      const maxBytes = options.maxBytes ?? this.#options.maxBytes ?? 64 * 1024 * 1024
      return new Received({ request, response, body, decoded: inflated !== undefined, history, elapsed, maxBytes })
    })
  }
}

class PromiseSession implements PromiseHttp {
  readonly green = false
  readonly #session: Session
  readonly #bodies: OpenBodies
  readonly #run: RunPromise

  constructor(session: Session, bodies: OpenBodies, run: RunPromise) {
    this.#session = session
    this.#bodies = bodies
    this.#run = run
  }

  get cookies(): Cookies.Cookies | undefined {
    return this.#session.cookies
  }

  readonly get: PromiseVerb = (url, options) => this.request("GET", url, options)
  readonly head: PromiseVerb = (url, options) => this.request("HEAD", url, options)
  readonly post: PromiseVerb = (url, options) => this.request("POST", url, options)
  readonly put: PromiseVerb = (url, options) => this.request("PUT", url, options)
  readonly patch: PromiseVerb = (url, options) => this.request("PATCH", url, options)
  readonly delete: PromiseVerb = (url, options) => this.request("DELETE", url, options)
  readonly options: PromiseVerb = (url, options) => this.request("OPTIONS", url, options)

  async request(method: string, url: string | URL, options: RequestOptions & Signal = {}): Promise<PromiseResponse> {
    const { signal } = options
    const asked = this.#session.ask(method, url, options, this.#bodies)
    return new PromiseResponse(await this.#run(asked, signal === undefined ? {} : { signal }), this.#run)
  }
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

const withCookie = (headers: RawHeaders, cookie: string): RawHeaders => {
  const own = Headers.get(headers, "cookie")
  return own === undefined
    ? [...headers, "cookie", cookie]
    : [...Headers.without(headers, "cookie"), "cookie", `${own}; ${cookie}`]
}

const milliseconds = ({ body, connection, response }: Timeouts): ExchangeRequest["timeouts"] => {
  if (body === undefined && connection === undefined && response === undefined) return undefined
  return {
    ...(connection === undefined ? {} : { connection: Duration.toMillis(connection) }),
    ...(response === undefined ? {} : { response: Duration.toMillis(response) }),
    ...(body === undefined ? {} : { body: Duration.toMillis(body) })
  }
}
