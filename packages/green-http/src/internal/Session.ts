/**
 * A session: policies above one exchange, put in order. Each is a module of its own: `Redirect`, `Cookies`, `Auth`, the
 * bodies.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { type Auth, basic } from "../Auth.ts"
import * as Cookies from "../Cookies.ts"
import type { RequestOptions, SessionOptions, Timeouts } from "../GreenHttp.ts"
import { failure, type HttpError } from "../HttpError.ts"
import type { Exchange, ExchangeRequest, ExchangeResponse, RawHeaders } from "../HttpExchange.ts"
import * as Headers from "../HttpHeaders.ts"
import { Head, type HttpResponse, Received, type ResponseHead } from "../HttpResponse.ts"
import * as Redirect from "../Redirect.ts"
import { type Retry, retrying } from "../Retry.ts"
import { acceptEncoding, decompress } from "./body/decompress.ts"
import type { OpenBodies } from "./body/OwnedBody.ts"
import { encode } from "./body/RequestBodies.ts"
import { traced } from "./tracing.ts"

/** A URL that can be asked. It is shared: not to be changed. */
export const parseUrl = (method: string, value: string | URL, base: URL | undefined): Effect.Effect<URL, HttpError> => {
  // A URL that is given is its giver's, who may change it.
  const text = typeof value === "string" ? value : value.href
  const isWhole = base === undefined || typeof value !== "string"
  const known = isWhole ? parsed.get(text) : undefined
  if (known !== undefined) return Effect.succeed(known)
  const url = URL.parse(text, base)
  const problem =
    url === null
      ? base === undefined
        ? "it is not absolute, and the session has no baseUrl"
        : "it cannot be parsed"
      : url.protocol === "http:" || url.protocol === "https:"
        ? undefined
        : `its scheme is ${url.protocol}`
  if (url === null || problem !== undefined) {
    const reason = { _tag: "InvalidUrl", value: String(value), problem: problem ?? "" } as const
    return Effect.fail(failure({ method, url: value }, reason))
  }
  if (isWhole) {
    if (parsed.size >= mostParsed) parsed.clear()
    parsed.set(text, url)
  }
  return Effect.succeed(url)
}

/** Absolute URLs are asked again and again, and parsed once. */
const parsed = new Map<string, URL>()
const mostParsed = 256

/** Header fields, and why they cannot be sent. */
interface Checked {
  readonly fields: RawHeaders
  readonly problem: string | undefined
}

export class Session {
  readonly cookies: Cookies.Cookies | undefined
  readonly #exchange: Exchange
  readonly #options: SessionOptions
  readonly #base: URL | undefined
  readonly #headers: RawHeaders
  /** What most requests send, to the origin of the session and to others. */
  readonly #ownHeaders: Checked
  readonly #otherHeaders: Checked
  readonly #bodies: OpenBodies

  constructor(exchange: Exchange, options: SessionOptions, base: URL | undefined, bodies: OpenBodies) {
    this.cookies = options.cookies === false ? undefined : (options.cookies ?? Cookies.make())
    this.#exchange = traced(exchange)
    this.#options = options
    this.#base = base
    this.#bodies = bodies
    this.#headers = Headers.toRaw(options.headers)
    this.#ownHeaders = this.#checked(this.#headers)
    this.#otherHeaders = this.#checked([])
  }

  /** The body is let go when the fiber fails, if there is one to read it. */
  ask(
    method: string,
    to: string | URL,
    options: RequestOptions,
    reader: Fiber.Fiber<unknown, unknown> | undefined
  ): Effect.Effect<HttpResponse, HttpError> {
    const performed = Effect.flatMap(parseUrl(method, to, this.#base), (url) => {
      if (url.username === "" && url.password === "") return this.#ask(method, url, options, reader)
      const shown = new URL(url)
      shown.username = shown.password = ""
      const auth = basic(decode(url.username), decode(url.password))
      return this.#ask(method, shown, { auth, ...options }, reader)
    })
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

  #ask(
    method: string,
    url: URL,
    options: RequestOptions,
    reader: Fiber.Fiber<unknown, unknown> | undefined
  ): Effect.Effect<HttpResponse, HttpError> {
    return Effect.flatMap(this.#prepare(method, url, options), (request) => this.#perform(request, options, reader))
  }

  /** Whether the session's own headers, auth and cookies may go there. */
  #isOwn(url: URL): boolean {
    return this.#base === undefined || url.origin === this.#base.origin
  }

  #prepare(method: string, to: URL, options: RequestOptions): Effect.Effect<ExchangeRequest, HttpError> {
    return Effect.suspend(() => {
      const url = withParams(to, options.params)
      let encoded: ReturnType<typeof encode>
      try {
        encoded = encode(options, { method, url })
      } catch (cause) {
        return Effect.fail(failure({ method, url }, { _tag: "RequestBody", cause }))
      }
      const headers =
        options.headers === undefined && encoded.type === undefined
          ? this.#isOwn(url)
            ? this.#ownHeaders
            : this.#otherHeaders
          : this.#headersOf(url, options, encoded.type)
      const problem = Headers.isToken(method) ? headers.problem : `${JSON.stringify(method)} is no method`
      if (problem !== undefined) return Effect.fail(failure({ method, url }, { _tag: "InvalidRequest", problem }))
      const timeouts = milliseconds({ ...this.#options.timeouts, ...options.timeouts })
      return Effect.succeed({
        method,
        url,
        headers: headers.fields,
        ...(encoded.body === undefined ? {} : { body: encoded.body }),
        ...(timeouts === undefined ? {} : { timeouts })
      })
    })
  }

  #headersOf(url: URL, options: RequestOptions, type: string | undefined): Checked {
    const fields = Headers.merge(this.#isOwn(url) ? this.#headers : [], Headers.toRaw(options.headers))
    if (type !== undefined && Headers.get(fields, "content-type") === undefined) fields.push("content-type", type)
    return this.#checked(fields)
  }

  #checked(fields: RawHeaders): Checked {
    const isAsked = this.#options.decompress === false || Headers.get(fields, "accept-encoding") !== undefined
    const whole = isAsked ? fields : [...fields, "accept-encoding", acceptEncoding]
    return { fields: whole, problem: Headers.problem(whole) }
  }

  #perform(
    first: ExchangeRequest,
    options: RequestOptions,
    reader: Fiber.Fiber<unknown, unknown> | undefined
  ): Effect.Effect<HttpResponse, HttpError> {
    return Effect.suspend(() => {
      const started = performance.now()
      const limit = options.redirects ?? this.#options.redirects ?? 20
      const history: Array<ResponseHead> = []
      const auth =
        options.auth === false ? undefined : (options.auth ?? (this.#isOwn(first.url) ? this.#options.auth : undefined))

      const retry = options.retry ?? this.#options.retry ?? false

      const follow = (request: ExchangeRequest, authentic: boolean): Effect.Effect<HttpResponse, HttpError> =>
        Effect.flatMap(this.#authorized(request, authentic ? auth : undefined, retry), (response) => {
          const elapsed = performance.now() - started
          const next = limit === 0 ? undefined : Redirect.next(request, response)
          if (next === undefined || next._tag === "Impossible") {
            return this.#receive(reader, request, response, history, elapsed, options)
          }
          if (history.length >= limit) {
            return Effect.andThen(
              response.body.discard,
              Effect.fail(failure(request, { _tag: "TooManyRedirects", limit }))
            )
          }
          const head = new Head(request, response, elapsed)
          history.push(head)
          const onward = this.#isOwn(next.request.url) ? next.request : this.#withoutOwnHeaders(next.request, options)
          const told = this.#options.hooks?.redirect?.(head, onward) ?? Effect.void
          return Effect.andThen(
            Effect.andThen(response.body.discard, told),
            follow(onward, authentic && !next.crossOrigin)
          )
        })
      return follow(first, true)
    })
  }

  /** What the session adds is for its own origin, also when it is left by a redirect. */
  #withoutOwnHeaders(request: ExchangeRequest, options: RequestOptions): ExchangeRequest {
    const own = Headers.without(this.#headers, ...names(Headers.toRaw(options.headers)))
    return { ...request, headers: Headers.without(request.headers, ...names(own)) }
  }

  /** The exchange with what it needs to be let in, a second time if need be. */
  #authorized(
    request: ExchangeRequest,
    auth: Auth | undefined,
    retry: Retry | false
  ): Effect.Effect<ExchangeResponse, HttpError> {
    const own = Headers.get(request.headers, "authorization") !== undefined
    if (auth === undefined || own) return this.#sendRetrying(request, request, retry)
    const attempt = (again: boolean): Effect.Effect<ExchangeResponse, HttpError> =>
      Effect.flatMap(auth.authorize(request), (authorization) => {
        const headers =
          authorization === undefined
            ? request.headers
            : [...request.headers, "authorization", Redacted.value(authorization)]
        return Effect.flatMap(this.#sendRetrying(request, { ...request, headers }, retry), (response) => {
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

  #sendRetrying(
    asked: ExchangeRequest,
    request: ExchangeRequest,
    retry: Retry | false
  ): Effect.Effect<ExchangeResponse, HttpError> {
    if (retry === false) return this.#send(asked, request)
    return retrying(
      retry,
      request,
      Effect.suspend(() => this.#send(asked, request)),
      (cause, attempts) => this.#options.hooks?.retry?.(asked, cause, attempts) ?? Effect.void
    )
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
    reader: Fiber.Fiber<unknown, unknown> | undefined,
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
      const body = this.#bodies.own(request, inflated ?? response.body, reader)
      const maxBytes = options.maxBytes ?? this.#options.maxBytes ?? 64 * 1024 * 1024
      return new Received({ request, response, body, decoded: inflated !== undefined, history, elapsed, maxBytes })
    })
  }
}

/** What is percent-encoded in a URL, which may have a percent sign that encodes nothing. */
const decode = (text: string): string => {
  const bytes = text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16))
  )
  return Buffer.from(bytes, "latin1").toString("utf8")
}

const withParams = (url: URL, params: RequestOptions["params"]): URL => {
  if (params === undefined) return url
  const added = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) added.append(name, String(one))
  }
  if (added.size === 0) return url
  const whole = new URL(url)
  // What is there already stays as it was written: it may be signed.
  whole.search = whole.search === "" ? `${added}` : `${whole.search}&${added}`
  return whole
}

const names = (headers: RawHeaders): ReadonlyArray<string> => headers.filter((_, index) => index % 2 === 0)

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
