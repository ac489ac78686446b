/**
 * The operation of this package: one request out, one response in.
 *
 * It has no policy. A redirect is a response, a cookie is a header, a compressed body is bytes. Everything that a session
 * does is written above it, once, and works over every handler: `UndiciExchange`, `MemoryExchange`, `CassetteExchange`,
 * `EffectHttp`, or ten lines of a user's own.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { HttpError } from "./HttpError.ts"
import { WholeBody } from "./internal/body/WholeBody.ts"
import type { Upgrade, UpgradeResponse } from "./Upgrade.ts"

/**
 * Header fields as they are on the wire: name, value, name, value. Names in any case, duplicates kept.
 *
 * @category models
 * @since 0.1.0
 */
export type RawHeaders = ReadonlyArray<string>

/**
 * A body to be sent: bytes, or a stream of bytes that is pulled as fast as the other side takes it. With a `length` it
 * is sent with a Content-Length, which it has to keep, or the exchange fails with the reason `RequestBody`; otherwise in
 * chunks. The stream is closed with the exchange, at the latest.
 *
 * @category models
 * @since 0.1.0
 */
export type RequestBody =
  | Uint8Array
  | {
      readonly stream: Stream.Stream<Uint8Array, HttpError>
      readonly length?: number
      /** Whether the stream gives the same bytes when it is run again. */
      readonly repeatable?: boolean
      /** All of its bytes, if they are at hand. */
      readonly bytes?: Uint8Array
    }

/**
 * One request. `url` is absolute, http or https; its user and password are ignored, and so is its fragment.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExchangeRequest {
  readonly method: string
  readonly url: URL
  readonly headers: RawHeaders
  readonly body?: RequestBody
  /** Time-outs of this exchange, in milliseconds. A handler keeps those that it can see. */
  readonly timeouts?: ExchangeTimeouts
}

/**
 * How long each phase may take, in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExchangeTimeouts {
  readonly connection?: number
  readonly response?: number
  readonly body?: number
}

/**
 * The body of a response, as a source: it is pulled, once.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResponseBody {
  /** The bytes that are there, waiting for some; `undefined` at the end, and again after it. Interrupted, it loses nothing. */
  readonly pull: Effect.Effect<NonEmptyReadonlyArray<Uint8Array> | undefined, HttpError>
  /**
   * Lets go of what has not been pulled, and of the connection with it if need be. Harmless at any time. Whoever pulls
   * then gets the end or a failure.
   */
  readonly discard: Effect.Effect<void>
  /** What came after the body; empty before its end. */
  readonly trailers: () => RawHeaders
  /**
   * All that is left, if its end is here already: then it has been pulled to the end, and nobody had to wait. `undefined`
   * if not, and nothing has happened. A handler that cannot tell leaves it out.
   */
  readonly take?: () => ReadonlyArray<Uint8Array> | undefined
}

/**
 * One response: the head is here, the body is to be pulled or discarded. Whoever takes a response does one or the other.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExchangeResponse {
  readonly status: number
  readonly statusText: string
  readonly headers: RawHeaders
  readonly body: ResponseBody
  /** Whether there is a field of this name, in lower case: for handlers that know it before `headers` is made. */
  readonly has?: (name: string) => boolean
}

/**
 * Performs one exchange. It succeeds when the head of the final response is there (1xx are no final ones), fails before
 * it, and the body fails after it. Interrupted before the head, it lets go of the connection at once.
 *
 * @category models
 * @since 0.1.0
 */
export type Exchange = (request: ExchangeRequest) => Effect.Effect<ExchangeResponse, HttpError>

/**
 * The service. A handler that has connections may have `upgrade` too, on which WebSockets are made.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import { HttpExchange } from "green-http"
 *
 * // A handler of one's own: every request is answered with its path.
 * const echo = Layer.succeed(HttpExchange, {
 *   exchange: (request) => Effect.succeed(HttpExchange.response(200, [], new TextEncoder().encode(request.url.pathname)))
 * })
 *
 * const program = HttpExchange.use(({ exchange }) =>
 *   exchange({ method: "GET", url: new URL("http://nowhere/path"), headers: [] })
 * )
 *
 * const { status } = await Effect.runPromise(Effect.provide(program, echo))
 * console.log(status)
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class HttpExchange extends Context.Service<
  HttpExchange,
  { readonly exchange: Exchange; readonly upgrade?: Upgrade }
>()("green-http/HttpExchange") {
  /**
   * A response with a body that is there: for handlers that have it all.
   *
   * @since 0.1.0
   */
  static response(status: number, headers: RawHeaders, bytes?: Uint8Array, statusText = ""): ExchangeResponse {
    const body = new WholeBody(bytes === undefined || bytes.byteLength === 0 ? [] : [bytes], [])
    return { status, statusText, headers, body }
  }

  /**
   * Interposes: `next(request?)` performs the exchange outward. Tracing, recording, fault injection and latency are
   * written with it. A layer value that is used twice is memoised, and interposes once.
   *
   * An upgrade, if the handler has it, is an exchange here: its request as it is sent, and the head of its response. The
   * connection of the last one that was performed goes to who has asked, if the status that comes out is 101.
   *
   * @since 0.1.0
   */
  static around(
    f: (
      request: ExchangeRequest,
      next: (request?: ExchangeRequest) => Effect.Effect<ExchangeResponse, HttpError>
    ) => Effect.Effect<ExchangeResponse, HttpError>
  ): Layer.Layer<HttpExchange, never, HttpExchange> {
    return Layer.effect(
      HttpExchange,
      HttpExchange.useSync(({ exchange, upgrade }) => ({
        exchange: (request) => f(request, (replaced = request) => exchange(replaced)),
        ...(upgrade === undefined ? {} : { upgrade: upgradeAround(upgrade, f) })
      }))
    )
  }

  /**
   * Performs an exchange whose body is discarded when the scope is closed, unless it has been read to its end.
   *
   * @since 0.1.0
   */
  static scoped(request: ExchangeRequest): Effect.Effect<ExchangeResponse, HttpError, HttpExchange | Scope.Scope> {
    return HttpExchange.use(({ exchange }) =>
      Effect.acquireRelease(exchange(request), ({ body }) => body.discard, { interruptible: true })
    )
  }
}

const upgradeAround =
  (upgrade: Upgrade, f: Parameters<typeof HttpExchange.around>[0]): Upgrade =>
  (request) =>
    Effect.flatMap(Effect.scope, (scope) => {
      let connection: UpgradeResponse["connection"]
      const next = (replaced: ExchangeRequest = request) =>
        Effect.tap(Scope.provide(upgrade({ ...replaced, protocol: request.protocol }), scope), (response) =>
          Effect.sync(() => {
            connection = response.connection
          })
        )
      return Effect.map(f(request, next), ({ body, headers, status, statusText }): UpgradeResponse => {
        const response = { status, statusText, headers, body }
        return status === 101 && connection !== undefined ? { ...response, connection } : response
      })
    })

/**
 * A body as a stream. It is discarded when the stream ends, however that comes.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toStream = (body: ResponseBody): Stream.Stream<Uint8Array, HttpError> =>
  Stream.unwrap(
    Effect.as(
      Effect.addFinalizer(() => body.discard),
      Stream.fromPull(
        Effect.succeed(
          Effect.flatMap(body.pull, (chunks) => (chunks === undefined ? Cause.done() : Effect.succeed(chunks)))
        )
      )
    )
  )
