/**
 * One request of a session, through its policies. Read downwards: redirects are outermost, then who we say we are, then
 * retries, and innermost one exchange with its cookies and hooks.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Auth } from "../Auth.ts"
import type { RequestOptions } from "../SessionOptions.ts"
import { failure, type HttpError } from "../HttpError.ts"
import type { ExchangeRequest, ExchangeResponse, RawHeaders } from "../HttpExchange.ts"
import * as Headers from "../HttpHeaders.ts"
import { Head, type HttpResponse, Received, type ResponseHead } from "../HttpResponse.ts"
import * as Redirect from "../Redirect.ts"
import { retrying } from "../Retry.ts"
import { countReceived } from "./body/counted.ts"
import { decompress } from "./body/decompress.ts"
import type { Owners } from "./body/OwnedBody.ts"
import type { Session } from "./Session.ts"

export const perform = (
  session: Session,
  first: ExchangeRequest,
  options: RequestOptions,
  owners: Owners
): Effect.Effect<HttpResponse, HttpError> => {
  const started = performance.now()
  const limit = options.redirects ?? session.options.redirects ?? 20
  const history: Array<ResponseHead> = []
  const auth =
    options.auth === false ? undefined : (options.auth ?? (session.isOwn(first.url) ? session.options.auth : undefined))

  const follow = (request: ExchangeRequest, authentic: boolean): Effect.Effect<HttpResponse, HttpError> =>
    Effect.flatMap(authorized(session, request, options, owners, authentic ? auth : undefined), (response) => {
      const elapsed = performance.now() - started
      const next = limit === 0 ? undefined : Redirect.next(request, response)
      if (next === undefined || next._tag === "Impossible") {
        return Effect.succeed(received(session, request, response, options, history, elapsed))
      }
      if (history.length >= limit) {
        return Effect.andThen(response.body.discard, Effect.fail(failure(request, { _tag: "TooManyRedirects", limit })))
      }
      const head = new Head(request, response, elapsed)
      history.push(head)
      const onward = session.isOwn(next.request.url) ? next.request : session.withoutOwnHeaders(next.request, options)
      const told = session.options.hooks?.redirect?.(head, onward) ?? Effect.void
      return Effect.andThen(Effect.andThen(response.body.discard, told), follow(onward, authentic && !next.crossOrigin))
    })
  return follow(first, true)
}

/** The exchange with what it needs to be let in, a second time if need be. */
const authorized = (
  session: Session,
  request: ExchangeRequest,
  options: RequestOptions,
  owners: Owners,
  auth: Auth | undefined
): Effect.Effect<ExchangeResponse, HttpError> => {
  if (auth === undefined || Headers.get(request.headers, "authorization") !== undefined) {
    return retried(session, request, request, options, owners)
  }
  const attempt = (again: boolean): Effect.Effect<ExchangeResponse, HttpError> =>
    Effect.flatMap(auth.authorize(request), (authorization) => {
      const admitted = authorization === undefined ? request : withAuthorization(request, authorization)
      return Effect.flatMap(retried(session, request, admitted, options, owners), (response) => {
        if (response.status !== 401) {
          return auth.answered === undefined || !Headers.has(response, "authentication-info")
            ? Effect.succeed(response)
            : Effect.as(auth.answered(response.headers), response)
        }
        if (auth.challenged === undefined || !again || !Redirect.isRepeatable(request.body)) {
          return Effect.succeed(response)
        }
        return Effect.flatMap(auth.challenged(request, response.headers), (repeat) =>
          repeat ? Effect.andThen(response.body.discard, attempt(false)) : Effect.succeed(response)
        )
      })
    })
  return attempt(true)
}

const withAuthorization = (request: ExchangeRequest, authorization: Redacted.Redacted): ExchangeRequest => ({
  ...request,
  headers: [...request.headers, "authorization", Redacted.value(authorization)]
})

/** `asked` is what hooks see: it has no secrets added. */
const retried = (
  session: Session,
  asked: ExchangeRequest,
  request: ExchangeRequest,
  options: RequestOptions,
  owners: Owners
): Effect.Effect<ExchangeResponse, HttpError> => {
  const retry = options.retry ?? session.options.retry ?? false
  if (retry === false) return sent(session, asked, request, owners)
  return retrying(
    retry,
    request,
    Effect.suspend(() => sent(session, asked, request, owners)),
    (cause, attempts) => session.options.hooks?.retry?.(asked, cause, attempts) ?? Effect.void
  )
}

/** One exchange. From here on somebody answers for the body, whatever becomes of the fiber. */
const sent = (
  session: Session,
  asked: ExchangeRequest,
  request: ExchangeRequest,
  owners: Owners
): Effect.Effect<ExchangeResponse, HttpError> => {
  const { hooks } = session.options
  const jar = session.cookies !== undefined && session.isOwn(request.url) ? session.cookies : undefined
  const exchange = () => {
    if (session.isClosed) return closed(asked)
    const cookie = jar?.header(request.url)
    const withCookies = cookie === undefined ? request : { ...request, headers: withCookie(request.headers, cookie) }
    return session.exchange(withCookies)
  }
  const tell = hooks?.response
  const started = tell === undefined ? 0 : performance.now()
  const exchanged = hooks?.request === undefined ? exchange() : Effect.flatMap(hooks.request(asked), exchange)
  return Effect.flatMap(exchanged, (response) => {
    if (session.isClosed) return Effect.andThen(response.body.discard, closed(asked))
    const owned = session.bodies.own(request, response, owners)
    if (jar !== undefined && Headers.has(response, "set-cookie")) jar.store(request.url, response.headers)
    if (tell === undefined) return Effect.succeed(owned)
    return Effect.as(tell(new Head(asked, response, performance.now() - started), asked), owned)
  })
}

const closed = (request: ExchangeRequest) => Effect.fail(failure(request, { _tag: "Closed" }))

const withCookie = (headers: RawHeaders, cookie: string): RawHeaders => {
  const own = Headers.get(headers, "cookie")
  return own === undefined
    ? [...headers, "cookie", cookie]
    : [...Headers.without(headers, "cookie"), "cookie", `${own}; ${cookie}`]
}

/** What the caller gets: the body as it was before it was encoded. */
const received = (
  session: Session,
  request: ExchangeRequest,
  response: ExchangeResponse,
  options: RequestOptions,
  history: ReadonlyArray<ResponseHead>,
  elapsed: number
): HttpResponse => {
  const isCoded =
    session.options.decompress !== false && request.method !== "HEAD" && Headers.has(response, "content-encoding")
  const coding = isCoded ? Headers.get(response.headers, "content-encoding") : undefined
  const { progress } = options
  const counted = progress === undefined ? response.body : countReceived(request, response, progress)
  const inflated = coding === undefined ? undefined : decompress(counted, coding, (reason) => failure(request, reason))
  const maxBytes = options.maxBytes ?? session.options.maxBytes ?? 64 * 1024 * 1024
  const body = inflated ?? counted
  return new Received({ request, response, body, decoded: inflated !== undefined, history, elapsed, maxBytes })
}
