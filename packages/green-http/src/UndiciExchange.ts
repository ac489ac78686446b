/**
 * Exchanges over the network, by undici: a pool of connections for each origin.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Dispatcher } from "undici"
import { type HttpError, invalidOption } from "./HttpError.ts"
import { type Exchange, type ExchangeRequest, HttpExchange } from "./HttpExchange.ts"
import { messageOf } from "./internal/messageOf.ts"
import { Attempts } from "./internal/undici/Attempts.ts"
import { cached, type CacheOptions, openStore, type Sender } from "./internal/undici/Cache.ts"
import type { TlsOptions } from "./internal/undici/Connector.ts"
import { Dispatchers } from "./internal/undici/Dispatchers.ts"
import { exchangeBy } from "./internal/undici/exchange.ts"
import { Turns } from "./internal/undici/Turns.ts"
import { upgradeBy } from "./internal/undici/upgrade.ts"
import type { Upgrade } from "./Upgrade.ts"

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
   * Whether HTTP/2 is spoken with servers that offer it over TLS. Not unless said. Requests that have a body and
   * WebSockets go over HTTP/1.1 all the same: one that is interrupted while it sends its body over HTTP/2 can end the
   * process, in Node 26.10, and so it is with undici alone.
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
   * `http_proxy` counts. The proxy resolves the names: `addresses` and `allowAddress` are not asked.
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
   * open. For WebSockets it has to speak HTTP/1.1, and a proxy needs `proxyTunnel`. One that speaks HTTP/2 sends bodies
   * over it too: see `http2`.
   */
  readonly dispatcher?: Dispatcher
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
 * An exchange of its own connections, which are closed with the scope: those in use too, and the file of the cache. One
 * that was upgraded is closed with the scope of its upgrade.
 *
 * Fails with the reason `InvalidOption` for a number that makes no sense, a proxy that is none, and a file that cannot be
 * opened.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: UndiciOptions = {}): Effect.Effect<UndiciHandler, HttpError, Scope.Scope> =>
  Effect.gen(function* () {
    for (const name of ["connections", "pipelining", "maxHeaderSize"] as const) {
      const value = options[name]
      if (value === undefined || (Number.isInteger(value) && value >= 1)) continue
      return yield* Effect.fail(invalidOption(name, `it is an integer from 1, not ${value}`))
    }
    const attempts = new Attempts()
    const dispatchers = yield* Effect.acquireRelease(
      taking("proxy", () => new Dispatchers(options, attempts)),
      (dispatchers) => Effect.promise(() => dispatchers.destroy())
    )
    const cache = options.cache === true ? {} : options.cache || undefined
    const store =
      cache &&
      (yield* Effect.acquireRelease(
        taking("cache", () => openStore(cache)),
        (store) => Effect.sync(() => store.close())
      ))
    const through = (dispatcher: Pick<Dispatcher, "dispatch">): Sender =>
      cache === undefined || store === undefined ? dispatcher : cached(dispatcher, cache, store)
    const main = through(dispatchers.main)
    const withBody =
      options.http2 === true ? through({ dispatch: (...sent) => dispatchers.plain.dispatch(...sent) }) : main
    const senderOf = (request: ExchangeRequest) => (request.body === undefined ? main : withBody)
    const turns = new Turns((origin) => attempts.giveUp(origin))
    return { exchange: exchangeBy(senderOf, turns), upgrade: upgradeBy(() => dispatchers.plain, turns) }
  })

/**
 * The handler of `HttpExchange` over the network.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: UndiciOptions): Layer.Layer<HttpExchange, HttpError> =>
  Layer.effect(HttpExchange, make(options))

const taking = <A>(option: string, make: () => A): Effect.Effect<A, HttpError> =>
  Effect.try({ try: make, catch: (cause) => invalidOption(option, messageOf(cause)) })
