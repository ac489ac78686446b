/**
 * Exchanges over the network, by undici: a pool of connections for each origin.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Readable } from "node:stream"
import { Agent, type Dispatcher, EnvHttpProxyAgent, ProxyAgent, Socks5ProxyAgent } from "undici"
import type { HttpError } from "./HttpError.ts"
import {
  type Exchange,
  type ExchangeRequest,
  type ExchangeResponse,
  HttpExchange,
  type RequestBody
} from "./HttpExchange.ts"
import { type Target, targetOf } from "./internal/target.ts"
import { Attempts } from "./internal/undici/Attempts.ts"
import { cached, type CacheOptions, openStore, type Sender } from "./internal/undici/Cache.ts"
import { makeConnector, pinned, type TlsOptions } from "./internal/undici/Connector.ts"
import { Reply, type Timer } from "./internal/undici/Reply.ts"
import { Turns } from "./internal/undici/Turns.ts"

export type { CacheOptions } from "./internal/undici/Cache.ts"
export type { CacheStore } from "./internal/undici/CacheStore.ts"
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
  /**
   * Whether HTTP/2 is spoken with servers that offer it over TLS. Not unless said. Where large bodies are sent it is not
   * to be relied on yet: with undici 8.12 and Node 26.10 an upload that is interrupted while the server reads it can make
   * Node's HTTP/2 spin, and bytes of more than 10 MB that a server refuses leave a connection that fails for good.
   */
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
   * wants them; or `"environment"`, by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in capitals or not, where a
   * proxy without a scheme is an http one. Under CGI HTTP_PROXY is a header of the request that came, and only
   * `http_proxy` counts. The proxy resolves the names: `addresses` and
   * `allowAddress` are not asked.
   */
  readonly proxy?: string | URL | "environment"
  /** The most bytes that the head of a response may have: 16 KiB unless said. */
  readonly maxHeaderSize?: number
  /**
   * Whether responses are kept and used again, as RFC 9111 has it; not unless said. Freshness is by the clock of the
   * system. Requests that have conditions or a range of their own go by it.
   */
  readonly cache?: boolean | CacheOptions
  /**
   * A dispatcher of your own, such as a `ProxyAgent`; the other options but `cache` are then its own affair. It stays
   * open.
   */
  readonly dispatcher?: Dispatcher
}

/**
 * An exchange of its own connections, which are closed with the scope: those in use too, and the file of the cache. That
 * the file cannot be opened is a defect.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: UndiciOptions = {}): Effect.Effect<{ readonly exchange: Exchange }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const attempts = new Attempts()
    const cache = options.cache === true ? {} : options.cache || undefined
    const store =
      cache &&
      (yield* Effect.acquireRelease(
        Effect.sync(() => openStore(cache)),
        (store) => Effect.sync(() => store.close())
      ))
    const dispatcher =
      options.dispatcher ??
      (yield* Effect.acquireRelease(
        Effect.sync(() => makeDispatcher(options, attempts)),
        (agent) => Effect.promise(() => agent.destroy())
      ))
    return over(cache === undefined || store === undefined ? dispatcher : cached(dispatcher, cache, store), attempts)
  })

/**
 * The handler of `HttpExchange` over the network.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: UndiciOptions): Layer.Layer<HttpExchange> => Layer.effect(HttpExchange, make(options))

/** Never undici's global dispatcher: Node has one of another version, which would answer. */
const makeDispatcher = (options: UndiciOptions, attempts: Attempts): Dispatcher => {
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
    timeouts,
    attempts
  })
  const { proxy } = options
  if (proxy === undefined) return new Agent({ ...common, connect: connector })
  // Given with a SOCKS proxy, even empty, undici would speak TLS to it.
  const isSocks = /^socks5?:/i.test(String(proxy))
  if (isSocks) return new Socks5ProxyAgent(proxy, { ...common, requestTls })
  const proxied = options.tls === undefined ? common : { ...common, requestTls, proxyTls: tlsOptions }
  if (proxy !== "environment") return new ProxyAgent({ ...proxied, uri: String(proxy) })
  const { ALL_PROXY, HTTP_PROXY, HTTPS_PROXY, NO_PROXY, REQUEST_METHOD } = process.env
  const { all_proxy = ALL_PROXY, http_proxy, https_proxy, no_proxy } = process.env
  return new EnvHttpProxyAgent({
    ...proxied,
    // For those whom NO_PROXY names.
    connect: connector,
    httpProxy: withScheme(http_proxy ?? (REQUEST_METHOD === undefined ? HTTP_PROXY : undefined) ?? all_proxy),
    httpsProxy: withScheme(https_proxy ?? HTTPS_PROXY ?? all_proxy),
    noProxy: no_proxy ?? NO_PROXY ?? ""
  })
}

/** As curl reads it: `proxy.test:3128` is an http proxy. */
const withScheme = (proxy = ""): string => (proxy === "" || proxy.includes("://") ? proxy : `http://${proxy}`)

const over = (sender: Sender, attempts: Attempts): { readonly exchange: Exchange } => {
  const turns = new Turns((origin) => attempts.giveUp(origin))
  const exchange = (request: ExchangeRequest, timer: Timer) =>
    Effect.callback<ExchangeResponse, HttpError>((resume) => {
      const target = targetOf(request.url)
      const turn = turns.of(target.origin)
      const reply = new Reply(request, timer, turn, resume)
      turn.dispatch(() => {
        if (!reply.isOver) dispatch(sender, target, request, reply)
      })
      return Effect.sync(() => reply.abandon())
    })
  return {
    exchange: (request) =>
      request.timeouts === undefined
        ? exchange(request, realTimer)
        : Effect.withFiber((fiber) => exchange(request, timerOf(fiber)))
  }
}

/** By the clock of the fiber. */
const timerOf =
  (fiber: Fiber.Fiber<unknown, unknown>): Timer =>
  (milliseconds, ring) => {
    const asleep = fiber.getRef(Clock.Clock).sleep(Duration.millis(milliseconds))
    const alarm = Effect.runForkWith(fiber.context)(Effect.andThen(asleep, Effect.sync(ring)))
    return () => alarm.interruptUnsafe()
  }

/** Without time-outs only the rest of a body is timed that nobody wants: a matter of the network, not of the caller. */
const realTimer: Timer = (milliseconds, ring) => {
  const timeout = setTimeout(ring, milliseconds)
  return () => clearTimeout(timeout)
}

const dispatch = (sender: Sender, { origin, path }: Target, request: ExchangeRequest, reply: Reply): void => {
  const { body, headers, method } = request
  try {
    sender.dispatch(
      {
        origin,
        path,
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
  const readable = Readable.from(Stream.toAsyncIterable(body.stream), { objectMode: false })
  // Over HTTP/2 undici destroys the body of a request that was let go when it does not listen to it any more.
  readable.on("error", () => {})
  return readable
}
