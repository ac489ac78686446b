/**
 * Exchanges over the network, by undici: a pool of connections for each origin.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Agent, type Dispatcher, EnvHttpProxyAgent, ProxyAgent, Socks5ProxyAgent } from "undici"
import { type Exchange, type ExchangeRequest, HttpExchange } from "./HttpExchange.ts"
import { get } from "./HttpHeaders.ts"
import { outgoing } from "./internal/body/outgoing.ts"
import { makeConnector, pinned, type TlsOptions } from "./internal/undici/Connector.ts"
import { Reply, type Timer } from "./internal/undici/Reply.ts"
import { Turns } from "./internal/undici/Turns.ts"
import { Upload } from "./internal/undici/Upload.ts"

export type { TlsOptions } from "./internal/undici/Connector.ts"

/**
 * How connections are made and kept.
 *
 * @category models
 * @since 0.1.0
 */
export interface UndiciOptions {
  /** How many connections an origin may have: any number unless said. More requests wait for one. */
  readonly connections?: number
  /** How many requests one connection may have on the way: 1 unless said, which is no pipelining. */
  readonly pipelining?: number
  /** How long an idle connection is kept: 4 seconds unless said, or the server's hint. */
  readonly keepAlive?: Duration.Input
  /** Whether HTTP/2 is spoken with servers that offer it over TLS. Not unless said. */
  readonly http2?: boolean
  readonly tls?: TlsOptions
  /** Connects to this Unix socket, whatever the URL's host. */
  readonly socketPath?: string
  /** Addresses of names, instead of those of the system: `{ "api.test": "127.0.0.1" }`. */
  readonly addresses?: Readonly<Record<string, string>>
  /** Whether an address may be connected to: asked for each connection, after its name was resolved. */
  readonly allowAddress?: (address: string, host: string) => boolean
  /** How long the steps of a new connection may take. */
  readonly timeouts?: {
    readonly dns?: Duration.Input
    readonly connect?: Duration.Input
    readonly tls?: Duration.Input
  }
  /**
   * Where requests are sent to be passed on: the URL of an http, https or socks5 proxy, with user and password if it
   * wants them; or `"environment"`, by HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in capitals or not. Under CGI HTTP_PROXY is
   * a header of the request that came, and only `http_proxy` counts. The proxy resolves the names: `addresses` and
   * `allowAddress` are not asked.
   */
  readonly proxy?: string | URL | "environment"
  /** The most bytes that the head of a response may have: 16 KiB unless said. */
  readonly maxHeaderSize?: number
  /** A dispatcher of your own, such as a `ProxyAgent`; the other options are then its own affair. It stays open. */
  readonly dispatcher?: Dispatcher
}

/**
 * An exchange of its own connections, which are closed with the scope: those in use too.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: UndiciOptions = {}): Effect.Effect<{ readonly exchange: Exchange }, never, Scope.Scope> =>
  options.dispatcher === undefined
    ? Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => makeDispatcher(options)),
          (agent) => Effect.promise(() => agent.destroy())
        ),
        over
      )
    : Effect.succeed(over(options.dispatcher))

/**
 * The handler of `HttpExchange` over the network.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: UndiciOptions): Layer.Layer<HttpExchange> => Layer.effect(HttpExchange, make(options))

/** Never undici's global dispatcher: Node has one of another version, which would answer. */
const makeDispatcher = (options: UndiciOptions): Dispatcher => {
  const { connections, keepAlive } = options
  const { connect, dns, tls } = options.timeouts ?? {}
  const milliseconds = (duration: Duration.Input | undefined) =>
    duration === undefined ? undefined : Duration.toMillis(duration)
  const timeouts = Object.fromEntries(
    Object.entries({ dns: milliseconds(dns), connect: milliseconds(connect), tls: milliseconds(tls) }).filter(
      ([, value]) => value !== undefined
    )
  )
  const { pins, ...tlsOptions } = options.tls ?? {}
  const requestTls = pins === undefined ? tlsOptions : { ...tlsOptions, checkServerIdentity: pinned(pins) }
  const common = {
    connections: connections ?? null,
    pipelining: options.pipelining ?? 1,
    ...(keepAlive === undefined ? {} : { keepAliveTimeout: Duration.toMillis(keepAlive) }),
    ...(options.maxHeaderSize === undefined ? {} : { maxHeaderSize: options.maxHeaderSize }),
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: options.http2 === true
  }
  const connector = makeConnector({
    http2: options.http2 === true,
    tls: options.tls,
    socketPath: options.socketPath,
    addresses: options.addresses,
    allowAddress: options.allowAddress,
    timeouts
  })
  const { proxy } = options
  if (proxy === undefined) return new Agent({ ...common, connect: connector })
  // Given with a SOCKS proxy, even empty, undici would speak TLS to it.
  const isSocks = /^socks5?:/i.test(String(proxy))
  if (isSocks) return new Socks5ProxyAgent(proxy, { ...common, requestTls })
  const proxied = options.tls === undefined ? common : { ...common, requestTls, proxyTls: tlsOptions }
  if (proxy !== "environment") return new ProxyAgent({ ...proxied, uri: String(proxy) })
  const { HTTP_PROXY, HTTPS_PROXY, NO_PROXY, REQUEST_METHOD, http_proxy, https_proxy, no_proxy } = process.env
  return new EnvHttpProxyAgent({
    ...proxied,
    // For those whom NO_PROXY names.
    connect: connector,
    httpProxy: http_proxy ?? (REQUEST_METHOD === undefined ? (HTTP_PROXY ?? "") : ""),
    httpsProxy: https_proxy ?? HTTPS_PROXY ?? "",
    noProxy: no_proxy ?? NO_PROXY ?? ""
  })
}

const over = (dispatcher: Dispatcher): { readonly exchange: Exchange } => {
  const turns = new Turns()
  const exchange: Exchange = (request) =>
    Effect.withFiber((fiber) =>
      Effect.callback((resume) => {
        const clock = fiber.getRef(Clock.Clock)
        const timer: Timer = (milliseconds, ring) => {
          const alarm = Effect.runForkWith(fiber.context)(
            Effect.flatMap(clock.sleep(Duration.millis(milliseconds)), () => Effect.sync(ring))
          )
          return () => alarm.interruptUnsafe()
        }
        const { origin } = request.url
        const { body } = request
        const upload =
          body === undefined || body instanceof Uint8Array ? undefined : new Upload(outgoing(request, body))
        const ended = () => {
          turns.ended(origin)
          upload?.close()
        }
        const reply = new Reply(request, timer, ended, resume)
        turns.dispatch(origin, () => {
          if (!reply.isOver) dispatch(dispatcher, origin, request, upload, reply)
        })
        return Effect.sync(() => reply.abandon())
      })
    )
  return { exchange }
}

const dispatch = (
  dispatcher: Dispatcher,
  origin: string,
  request: ExchangeRequest,
  upload: Upload | undefined,
  reply: Reply
): void => {
  const { body, headers, method, url } = request
  const options: Dispatcher.DispatchOptions = {
    origin,
    path: url.pathname + url.search,
    method,
    headers: lengthIsToBeTold(request) ? [...headers, "content-length", String(request.body.length)] : [...headers],
    body: body instanceof Uint8Array ? body : null,
    headersTimeout: 0,
    bodyTimeout: 0
  }
  try {
    dispatcher.dispatch(upload === undefined ? options : Object.assign(options, { body: upload }), reply)
  } catch (cause) {
    reply.onResponseError(undefined, cause instanceof Error ? cause : new Error(String(cause)))
  }
}

/** undici tells that of bytes, and nobody that which the caller tells. */
const lengthIsToBeTold = (
  request: ExchangeRequest
): request is ExchangeRequest & { readonly body: { readonly length: number } } =>
  request.body !== undefined &&
  !(request.body instanceof Uint8Array) &&
  request.body.length !== undefined &&
  get(request.headers, "content-length") === undefined
