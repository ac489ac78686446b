/**
 * A session: what its requests have in common, and what each of them is. How one is performed, policy by policy, is
 * `perform`.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { basic } from "../Auth.ts"
import * as Cookies from "../Cookies.ts"
import type { RequestOptions, SessionOptions, Timeouts } from "../SessionOptions.ts"
import { failure, HttpError } from "../HttpError.ts"
import type { Exchange, ExchangeRequest, RawHeaders } from "../HttpExchange.ts"
import * as Headers from "../HttpHeaders.ts"
import type { HttpResponse } from "../HttpResponse.ts"
import { acceptEncoding } from "./body/decompress.ts"
import { countSent } from "./body/counted.ts"
import { OpenBodies, type Owners } from "./body/OwnedBody.ts"
import { type Encoded, encode, hasBody, none } from "./body/RequestBodies.ts"
import { perform } from "./perform.ts"
import { targetOf } from "./target.ts"
import type { Urls } from "./Urls.ts"
import type { Asked } from "./body/contents.ts"

/** Header fields, and why they cannot be sent. */
interface Checked {
  readonly fields: RawHeaders
  readonly problem: string | undefined
}

export class Session {
  readonly cookies: Cookies.Cookies | undefined
  readonly exchange: Exchange
  readonly options: SessionOptions
  readonly bodies = new OpenBodies()
  /** The fibers of requests that are promises, which nobody else could interrupt. */
  readonly promised = new Set<Fiber.Fiber<unknown, unknown>>()
  isClosed = false
  readonly #urls: Urls
  readonly #origin: string | undefined
  readonly #timeouts: ExchangeRequest["timeouts"]
  readonly #headers: RawHeaders
  /** What most requests send, to the origin of the session and to others. */
  readonly #ownHeaders: Checked
  readonly #otherHeaders: Checked

  constructor(exchange: Exchange, options: SessionOptions, urls: Urls) {
    this.cookies = options.cookies === false ? undefined : (options.cookies ?? Cookies.make())
    this.exchange = exchange
    this.options = options
    this.#urls = urls
    this.#origin = urls.base?.origin
    this.#timeouts = milliseconds(options.timeouts ?? {})
    this.#headers = Headers.toRaw(options.headers)
    this.#ownHeaders = this.#checked(this.#headers)
    this.#otherHeaders = this.#checked([])
  }

  ask(method: string, to: string | URL, options: RequestOptions): Effect.Effect<HttpResponse, HttpError> {
    return Effect.withFiber((fiber) => {
      const { progress } = options
      if (progress === undefined) return this.#askInTime(method, to, options, fiber)
      if (!progress.take()) {
        const problem = "its progress is that of another request: make one for each"
        return Effect.fail(failure({ method, url: to }, { _tag: "InvalidRequest", problem }))
      }
      return Effect.onError(this.#askInTime(method, to, options, fiber), () => Effect.sync(() => progress.end()))
    })
  }

  /** No request begins any more, and no body is left. Harmless when it is closed. */
  close(): void {
    this.isClosed = true
    for (const fiber of [...this.promised]) fiber.interruptUnsafe()
    this.bodies.end()
  }

  /** Whether the session's own headers, auth and cookies may go there. */
  isOwn(url: URL): boolean {
    return this.#origin === undefined || targetOf(url).origin === this.#origin
  }

  /** What the session adds is for its own origin, also when it is left by a redirect. */
  withoutOwnHeaders(request: ExchangeRequest, options: RequestOptions): ExchangeRequest {
    const own = Headers.without(this.#headers, ...names(Headers.toRaw(options.headers)))
    return { ...request, headers: Headers.without(request.headers, ...names(own)) }
  }

  #askInTime(
    method: string,
    to: string | URL,
    options: RequestOptions,
    fiber: Fiber.Fiber<unknown, unknown>
  ): Effect.Effect<HttpResponse, HttpError> {
    const url = this.#urls.parse(method, to)
    const total = options.timeouts?.total ?? this.options.timeouts?.total
    if (total === undefined) return this.#ask(method, url, options, [fiber])
    // What is timed runs in a fiber of its own, and the response is the caller's.
    const timed = Effect.withFiber((own) => this.#ask(method, url, options, [own, fiber]))
    const reason = { _tag: "Timeout", phase: "total", milliseconds: Duration.toMillis(total) } as const
    return Effect.timeoutOrElse(timed, {
      duration: total,
      orElse: () => Effect.fail(failure({ method, url: to }, reason))
    })
  }

  #ask(
    method: string,
    url: URL | HttpError,
    options: RequestOptions,
    owners: Owners
  ): Effect.Effect<HttpResponse, HttpError> {
    if (url instanceof HttpError) return Effect.fail(url)
    if (url.username !== "" || url.password !== "") {
      const shown = new URL(url)
      shown.username = shown.password = ""
      const auth = basic(decode(url.username), decode(url.password))
      return this.#ask(method, shown, { auth, ...options }, owners)
    }
    const asked = withParams(url, this.#paramsOf(url, options))
    const request = { method, url: asked }
    // A body that is not there, say, is not looked for.
    if (this.isClosed) return Effect.fail(failure(request, { _tag: "Closed" }))
    if (!hasBody(options)) return this.#perform(request, none, options, owners)
    const coding = options.compress ?? this.options.compress ?? false
    const isEncoded = coding === false || Headers.get(this.#given(asked, options), "content-encoding") !== undefined
    return Effect.flatMap(encode(options, request, isEncoded ? undefined : coding), (encoded) =>
      this.#perform(request, encoded, options, owners)
    )
  }

  #perform(
    { method, url }: Asked,
    encoded: Encoded,
    options: RequestOptions,
    owners: Owners
  ): Effect.Effect<HttpResponse, HttpError> {
    const headers =
      options.headers === undefined && encoded === none
        ? this.isOwn(url)
          ? this.#ownHeaders
          : this.#otherHeaders
        : this.#headersOf(url, options, encoded)
    const problem = Headers.isToken(method) ? headers.problem : `${JSON.stringify(method)} is no method`
    if (problem !== undefined) return Effect.fail(failure({ method, url }, { _tag: "InvalidRequest", problem }))
    const { progress } = options
    const body = encoded.body === undefined || progress === undefined ? encoded.body : countSent(encoded.body, progress)
    const timeouts =
      options.timeouts === undefined ? this.#timeouts : milliseconds({ ...this.options.timeouts, ...options.timeouts })
    const request = {
      method,
      url,
      headers: headers.fields,
      ...(body === undefined ? undefined : { body }),
      ...(timeouts === undefined ? undefined : { timeouts })
    }
    return perform(this, request, options, owners)
  }

  #paramsOf(url: URL, { params }: RequestOptions): RequestOptions["params"] {
    const own = this.options.params
    return own === undefined || !this.isOwn(url) ? params : { ...own, ...params }
  }

  /** The header fields of the session and of the request. */
  #given(url: URL, options: RequestOptions): Array<string> {
    const own = this.isOwn(url) ? Headers.without(this.#headers, ...Headers.leftOut(options.headers)) : []
    return Headers.merge(own, Headers.toRaw(options.headers))
  }

  #headersOf(url: URL, options: RequestOptions, { coding, type }: Encoded): Checked {
    const fields = this.#given(url, options)
    if (type !== undefined && Headers.get(fields, "content-type") === undefined) fields.push("content-type", type)
    if (coding !== undefined) fields.push("content-encoding", coding)
    return this.#checked(fields)
  }

  #checked(fields: RawHeaders): Checked {
    const isAsked = this.options.decompress === false || Headers.get(fields, "accept-encoding") !== undefined
    const whole = isAsked ? fields : [...fields, "accept-encoding", acceptEncoding]
    return { fields: whole, problem: Headers.problem(whole) }
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

const milliseconds = ({ body, connection, response }: Timeouts): ExchangeRequest["timeouts"] => {
  if (body === undefined && connection === undefined && response === undefined) return undefined
  return {
    ...(connection === undefined ? {} : { connection: Duration.toMillis(connection) }),
    ...(response === undefined ? {} : { response: Duration.toMillis(response) }),
    ...(body === undefined ? {} : { body: Duration.toMillis(body) })
  }
}
