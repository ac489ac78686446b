/**
 * Why a request was not answered, or its answer could not be used.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import { messageOf } from "./internal/messageOf.ts"

/**
 * What a time-out was waiting for:
 *
 * - `connection`: a connection of the pool, or a new one
 * - `dns`, `connect`, `tls`: the steps of a new one
 * - `response`: the head of the response, from when the connection was there
 * - `body`: the next bytes of the response
 * - `total`: all of it
 * - `close`: the answer of a WebSocket's peer to its close
 *
 * @category models
 * @since 0.1.0
 */
export type Phase = "connection" | "dns" | "connect" | "tls" | "response" | "body" | "total" | "close"

/**
 * The reasons of an `HttpError`.
 *
 * - `InvalidUrl`: `value` is no absolute http or https URL.
 * - `InvalidRequest`: a method, a header or an option that HTTP does not allow.
 * - `InvalidOption`: an option with which nothing can be made. There is no request yet.
 * - `Dns`: the name has no address; `code` as in dns(3), such as `ENOTFOUND`.
 * - `Connect`: nobody took the connection, or it broke before the response; `code` as of the system: `ECONNREFUSED`.
 * - `Tls`: the handshake failed; `code` names the fault of the certificate, such as `CERT_HAS_EXPIRED`.
 * - `Timeout`: `phase` took more than so many milliseconds.
 * - `Protocol`: the response is no HTTP, ended short, or lied about its length.
 * - `TooLarge`: the body is longer than `limit` bytes, after decompression.
 * - `TooManyRedirects`: more than `limit`.
 * - `Decode`: the body is not what it was read as: JSON, a charset, a compression, a schema.
 * - `Status`: not from 200 to 299, where that was asked for; not 101, where a WebSocket was.
 * - `RequestBody`: the body to be sent failed, with `cause`.
 * - `Refused`: a policy of this client said no, such as an address filter.
 * - `RateLimited`: there have been `limit` requests of `key` already; one may go in so many milliseconds.
 * - `CircuitOpen`: requests of `key` failed too often; it is tried again in so many milliseconds, or right now if 0.
 * - `Discarded`: the body was let go before it was read to its end.
 * - `Consumed`: the body was read as a stream already, which gives it once.
 * - `Closed`: the session was closed, or what it sends through.
 * - `Unplayed`: a cassette has no exchange for the request.
 * - `Unsupported`: the handler of `HttpExchange` cannot do it.
 * - `MessageTooLarge`: a message of a WebSocket is longer than `limit` bytes.
 * - `SocketClosed`: a message was sent on a WebSocket that was closed, by either side, with `code` and `text`.
 * - `Disconnected`: the connection of a WebSocket ended, and nobody had closed it; `code` as of the system, or `END`.
 *
 * @category errors
 * @since 0.1.0
 */
export type HttpErrorReason =
  | { readonly _tag: "InvalidUrl"; readonly value: string; readonly problem: string }
  | { readonly _tag: "InvalidRequest"; readonly problem: string }
  | { readonly _tag: "InvalidOption"; readonly option: string; readonly problem: string }
  | { readonly _tag: "Dns"; readonly host: string; readonly code: string }
  | { readonly _tag: "Connect"; readonly code: string; readonly problem: string }
  | { readonly _tag: "Tls"; readonly code: string; readonly problem: string }
  | { readonly _tag: "Timeout"; readonly phase: Phase; readonly milliseconds: number }
  | { readonly _tag: "Protocol"; readonly code: string; readonly problem: string }
  | { readonly _tag: "TooLarge"; readonly limit: number }
  | { readonly _tag: "TooManyRedirects"; readonly limit: number }
  | { readonly _tag: "Decode"; readonly problem: string; readonly cause?: unknown }
  | { readonly _tag: "Status"; readonly status: number }
  | { readonly _tag: "RequestBody"; readonly cause: unknown }
  | { readonly _tag: "Refused"; readonly problem: string }
  | { readonly _tag: "RateLimited"; readonly key: string; readonly limit: number; readonly retryAfterMillis: number }
  | { readonly _tag: "CircuitOpen"; readonly key: string; readonly retryAfterMillis: number }
  | { readonly _tag: "Discarded" }
  | { readonly _tag: "Consumed" }
  | { readonly _tag: "Closed" }
  | { readonly _tag: "Unplayed"; readonly problem: string }
  | { readonly _tag: "Unsupported"; readonly problem: string }
  | { readonly _tag: "MessageTooLarge"; readonly limit: number }
  | { readonly _tag: "SocketClosed"; readonly code: number; readonly text: string }
  | { readonly _tag: "Disconnected"; readonly code: string; readonly problem: string }

/**
 * The failure of a request. It names the method and the URL, without user, password and query: those may be secrets.
 *
 * @category errors
 * @since 0.1.0
 */
export class HttpError extends Data.TaggedError("HttpError")<{
  readonly method: string
  readonly url: string
  readonly reason: HttpErrorReason
}> {
  override get message(): string {
    const said = describe(this.reason)
    return this.method === "" ? said : `${this.method} ${this.url}: ${said}`
  }
}

/**
 * A URL as it may be shown: without user, password, query and fragment.
 *
 * @category conversions
 * @since 0.1.0
 */
export const redactUrl = (url: string | URL): string => {
  if (typeof url !== "string") return `${url.protocol}//${url.host}${url.pathname}`
  const parsed = URL.parse(url)
  return parsed === null ? url.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//") : redactUrl(parsed)
}

/**
 * The failure of a request for a reason.
 *
 * @category constructors
 * @since 0.1.0
 */
export const failure = (
  request: { readonly method: string; readonly url: string | URL },
  reason: HttpErrorReason
): HttpError => new HttpError({ method: request.method, url: redactUrl(request.url), reason })

/**
 * The failure of what cannot be made, for want of an option that makes sense.
 *
 * @category constructors
 * @since 0.1.0
 */
export const invalidOption = (option: string, problem: string): HttpError =>
  new HttpError({ method: "", url: "", reason: { _tag: "InvalidOption", option, problem } })

const describe = (reason: HttpErrorReason): string => {
  switch (reason._tag) {
    case "InvalidUrl":
      return `${redactUrl(reason.value)} is no URL to ask: ${reason.problem}`
    case "InvalidRequest":
      return `the request cannot be sent: ${reason.problem}`
    case "InvalidOption":
      return `the option ${reason.option}: ${reason.problem}`
    case "Dns":
      return `${reason.host} has no address (${reason.code})`
    case "Connect":
      return `no connection (${reason.code}): ${reason.problem}`
    case "Tls":
      return `TLS failed (${reason.code}): ${reason.problem}`
    case "Timeout":
      return `timed out after ${reason.milliseconds} ms, waiting for ${waitingFor[reason.phase]}`
    case "Protocol":
      return `the response is broken (${reason.code}): ${reason.problem}`
    case "TooLarge":
      return `the body is longer than ${reason.limit} bytes; raise maxBytes, or read it as a stream`
    case "TooManyRedirects":
      return `redirected more than ${reason.limit} times`
    case "Decode":
      return `the body could not be decoded: ${reason.problem}`
    case "Status":
      return `the status is ${reason.status}`
    case "RequestBody":
      return `the body to be sent failed: ${messageOf(reason.cause)}`
    case "Refused":
      return `refused: ${reason.problem}`
    case "RateLimited":
      return `the rate limit of ${reason.limit} for ${reason.key} is reached; ask again in ${reason.retryAfterMillis} ms`
    case "CircuitOpen":
      return reason.retryAfterMillis === 0
        ? `the circuit of ${reason.key} is open, and another request tries it now; ask again when that is answered`
        : `the circuit of ${reason.key} is open after too many failures; ask again in ${reason.retryAfterMillis} ms`
    case "Discarded":
      return "the body was discarded before it was read: read it before the fiber fails and the session is closed"
    case "Consumed":
      return "the body was read as a stream already, which gives it once: keep what it gave"
    case "Closed":
      return "the session was closed, or what it sends through: make another one"
    case "Unplayed":
      return `the cassette has no exchange for it: ${reason.problem}`
    case "Unsupported":
      return `it cannot be done over this exchange: ${reason.problem}`
    case "MessageTooLarge":
      return `a message is longer than ${reason.limit} bytes; raise maxMessageBytes`
    case "SocketClosed":
      return `the WebSocket is closed (${reason.code}): nothing can be sent any more`
    case "Disconnected":
      return `the connection ended without a close (${reason.code}): ${reason.problem}`
  }
}

const waitingFor: Readonly<Record<Phase, string>> = {
  connection: "a connection",
  dns: "the address",
  connect: "the connection",
  tls: "the TLS handshake",
  response: "the response",
  body: "the next bytes of the body",
  total: "the whole exchange",
  close: "the answer to the close"
}
