/**
 * A session: what its requests have in common, and what each of them is. How one is performed, policy by policy, is
 * `perform`.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { basic } from "../Auth.ts"
import * as Cookies from "../Cookies.ts"
import type { RequestOptions, SessionOptions, Timeouts } from "../GreenHttp.ts"
import { failure, HttpError } from "../HttpError.ts"
import type { Exchange, ExchangeRequest, RawHeaders } from "../HttpExchange.ts"
import * as Headers from "../HttpHeaders.ts"
import type { HttpResponse } from "../HttpResponse.ts"
import { acceptEncoding } from "./body/decompress.ts"
import type { OpenBodies, Owners } from "./body/OwnedBody.ts"
import { encode } from "./body/RequestBodies.ts"
import { perform } from "./perform.ts"
import { targetOf } from "./target.ts"
import { isTraced, traced } from "./tracing.ts"
import type { Urls } from "./Urls.ts"

/** Header fields, and why they cannot be sent. */
interface Checked {
  readonly fields: RawHeaders
  readonly problem: string | undefined
}

export class Session {
  readonly cookies: Cookies.Cookies | undefined
  readonly #exchange: Exchange
  readonly #traced: Exchange
  readonly options: SessionOptions
  readonly bodies: OpenBodies
  readonly #urls: Urls
  readonly #origin: string | undefined
  readonly #timeouts: ExchangeRequest["timeouts"]
  readonly #headers: RawHeaders
  /** What most requests send, to the origin of the session and to others. */
  readonly #ownHeaders: Checked
  readonly #otherHeaders: Checked

  constructor(exchange: Exchange, options: SessionOptions, urls: Urls, bodies: OpenBodies) {
    this.cookies = options.cookies === false ? undefined : (options.cookies ?? Cookies.make())
    this.#exchange = exchange
    this.#traced = traced(exchange)
    this.options = options
    this.bodies = bodies
    this.#urls = urls
    this.#origin = urls.base?.origin
    this.#timeouts = milliseconds(options.timeouts ?? {})
    this.#headers = Headers.toRaw(options.headers)
    this.#ownHeaders = this.#checked(this.#headers)
    this.#otherHeaders = this.#checked([])
  }

  ask(method: string, to: string | URL, options: RequestOptions): Effect.Effect<HttpResponse, HttpError> {
    return Effect.withFiber((fiber) => {
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
    })
  }

  /** Whether the session's own headers, auth and cookies may go there. */
  isOwn(url: URL): boolean {
    return this.#origin === undefined || targetOf(url).origin === this.#origin
  }

  /** The exchange, for the fiber that performs it. */
  exchangeIn(fiber: Fiber.Fiber<unknown, unknown>): Exchange {
    return isTraced(fiber) ? this.#traced : this.#exchange
  }

  /** What the session adds is for its own origin, also when it is left by a redirect. */
  withoutOwnHeaders(request: ExchangeRequest, options: RequestOptions): ExchangeRequest {
    const own = Headers.without(this.#headers, ...names(Headers.toRaw(options.headers)))
    return { ...request, headers: Headers.without(request.headers, ...names(own)) }
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
    const request = this.#prepare(method, url, options)
    return request instanceof HttpError ? Effect.fail(request) : perform(this, request, options, owners)
  }

  #prepare(method: string, to: URL, options: RequestOptions): ExchangeRequest | HttpError {
    const url = withParams(to, options.params)
    let encoded: ReturnType<typeof encode>
    try {
      encoded = encode(options, { method, url })
    } catch (cause) {
      return failure({ method, url }, { _tag: "RequestBody", cause })
    }
    const headers =
      options.headers === undefined && encoded.type === undefined
        ? this.isOwn(url)
          ? this.#ownHeaders
          : this.#otherHeaders
        : this.#headersOf(url, options, encoded.type)
    const problem = Headers.isToken(method) ? headers.problem : `${JSON.stringify(method)} is no method`
    if (problem !== undefined) return failure({ method, url }, { _tag: "InvalidRequest", problem })
    const timeouts =
      options.timeouts === undefined ? this.#timeouts : milliseconds({ ...this.options.timeouts, ...options.timeouts })
    return {
      method,
      url,
      headers: headers.fields,
      ...(encoded.body === undefined ? undefined : { body: encoded.body }),
      ...(timeouts === undefined ? undefined : { timeouts })
    }
  }

  #headersOf(url: URL, options: RequestOptions, type: string | undefined): Checked {
    const fields = Headers.merge(this.isOwn(url) ? this.#headers : [], Headers.toRaw(options.headers))
    if (type !== undefined && Headers.get(fields, "content-type") === undefined) fields.push("content-type", type)
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
  const whole = new URL(url)
  for (const [name, value] of Object.entries(params)) {
    for (const one of Array.isArray(value) ? value : [String(value)]) whole.searchParams.append(name, one)
  }
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
