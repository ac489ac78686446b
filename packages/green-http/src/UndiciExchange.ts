/**
 * Exchanges over the network, by undici: a pool of connections for each origin.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Readable } from "node:stream"
import { Agent, type Dispatcher, EnvHttpProxyAgent, ProxyAgent, Socks5ProxyAgent } from "undici"
import { type Exchange, type ExchangeRequest, HttpExchange, type RequestBody } from "./HttpExchange.ts"
import { timerOf } from "./internal/timer.ts"
import { makeConnector, pinned, type TlsOptions } from "./internal/undici/Connector.ts"
import { Reply } from "./internal/undici/Reply.ts"
import { Turns } from "./internal/undici/Turns.ts"
import { upgradeBy } from "./internal/undici/upgrade.ts"
import type { Upgrade } from "./Upgrade.ts"

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
  /**
   * A dispatcher of your own, such as a `ProxyAgent`; the other options are then its own affair. It stays open. For
   * WebSockets it has to speak HTTP/1.1, and a proxy needs `proxyTunnel`.
   */
  readonly dispatcher?: Dispatcher
}

/**
 * An exchange of its own connections, which are closed with the scope: those in use too. One that was upgraded is closed
 * with the scope of its upgrade.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: UndiciOptions = {}): Effect.Effect<UndiciHandler, never, Scope.Scope> => {
  const { dispatcher } = options
  return dispatcher === undefined
    ? Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => new Dispatchers(options)),
          (dispatchers) => Effect.promise(() => dispatchers.destroy())
        ),
        (dispatchers) => over(dispatchers.forExchanges, () => dispatchers.forUpgrades)
      )
    : Effect.succeed(over(dispatcher, () => dispatcher))
}

/**
 * Exchanges over the network, and upgrades.
 *
 * @category models
 * @since 0.1.0
 */
export interface UndiciHandler {
  readonly exchange: Exchange
  readonly upgrade: Upgrade
}

/**
 * The handler of `HttpExchange` over the network.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: UndiciOptions): Layer.Layer<HttpExchange> => Layer.effect(HttpExchange, make(options))

/** An upgrade needs HTTP/1.1, and a tunnel through an HTTP proxy, also to http: then by a dispatcher of its own. */
class Dispatchers {
  readonly forExchanges: Dispatcher
  readonly #options: UndiciOptions
  #forUpgrades: Dispatcher | undefined

  constructor(options: UndiciOptions) {
    this.#options = options
    this.forExchanges = makeDispatcher(options, "exchanges")
    if (options.http2 !== true && options.proxy === undefined) this.#forUpgrades = this.forExchanges
  }

  get forUpgrades(): Dispatcher {
    return (this.#forUpgrades ??= makeDispatcher(this.#options, "upgrades"))
  }

  async destroy(): Promise<void> {
    const upgrades = (this.#forUpgrades ??= this.forExchanges)
    await Promise.all([this.forExchanges.destroy(), upgrades === this.forExchanges ? undefined : upgrades.destroy()])
  }
}

/** Never undici's global dispatcher: Node has one of another version, which would answer. */
const makeDispatcher = (options: UndiciOptions, purpose: "exchanges" | "upgrades"): Dispatcher => {
  const http2 = options.http2 === true && purpose === "exchanges"
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
    allowH2: http2
  }
  const connector = makeConnector({
    http2,
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
  const tunnelled = purpose === "upgrades" ? { ...common, proxyTunnel: true } : common
  const proxied = options.tls === undefined ? tunnelled : { ...tunnelled, requestTls, proxyTls: tlsOptions }
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

const over = (dispatcher: Dispatcher, forUpgrades: () => Dispatcher): UndiciHandler => {
  const turns = new Turns()
  const exchange: Exchange = (request) =>
    Effect.withFiber((fiber) =>
      Effect.callback((resume) => {
        const { origin } = request.url
        const reply = new Reply(request, timerOf(fiber), () => turns.ended(origin), resume)
        turns.dispatch(origin, () => {
          if (!reply.isOver) dispatch(dispatcher, origin, request, reply)
        })
        return Effect.sync(() => reply.abandon())
      })
    )
  return { exchange, upgrade: upgradeBy(forUpgrades) }
}

const dispatch = (dispatcher: Dispatcher, origin: string, request: ExchangeRequest, reply: Reply): void => {
  const { body, headers, method, url } = request
  try {
    dispatcher.dispatch(
      {
        origin,
        path: url.pathname + url.search,
        method,
        headers: lengthIsKnown(body) ? [...headers, "content-length", String(body.length)] : [...headers],
        body: bodyOf(body),
        headersTimeout: 0,
        bodyTimeout: 0
      },
      reply
    )
  } catch (cause) {
    reply.onResponseError(undefined, cause instanceof Error ? cause : new Error(String(cause)))
  }
}

const lengthIsKnown = (body: RequestBody | undefined): body is { readonly length: number } & RequestBody =>
  body !== undefined && !(body instanceof Uint8Array) && body.length !== undefined

const bodyOf = (body: RequestBody | undefined): Uint8Array | Readable | null => {
  if (body === undefined) return null
  if (body instanceof Uint8Array) return body
  return Readable.from(Stream.toAsyncIterable(body.stream), { objectMode: false })
}
