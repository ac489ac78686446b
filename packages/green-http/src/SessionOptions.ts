/**
 * What a session may be told, and one request of it. `GreenHttp` has these types too.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Auth } from "./Auth.ts"
import type { CircuitBreakerOptions } from "./CircuitBreaker.ts"
import type * as Cookies from "./Cookies.ts"
import type { ExchangeRequest } from "./HttpExchange.ts"
import type { HeadersInput } from "./HttpHeaders.ts"
import type { ResponseHead } from "./HttpResponse.ts"
import type { Coding } from "./internal/body/codings.ts"
import type { BodyOptions } from "./internal/body/RequestBodies.ts"
import type { Progress } from "./Progress.ts"
import type { RateLimitOptions } from "./RateLimit.ts"
import type { Retry, RetryCause } from "./Retry.ts"

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
  /** What the URLs of requests are relative to. `params`, `headers`, `auth` and `cookies` are for its origin only. */
  readonly baseUrl?: string | URL
  /** Added to the query of each URL. */
  readonly params?: Parameters
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
 * Values of the query of a URL, by name.
 *
 * @category models
 * @since 0.1.0
 */
export type Parameters = Readonly<Record<string, Parameter | ReadonlyArray<Parameter> | undefined>>

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
  /**
   * Added to the query of the URL, which stays as it is, instead of the session's of the same names. A value that is
   * `undefined` is left out, whatever the session has.
   */
  readonly params?: Parameters
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
