/**
 * The dispatchers of the undici handler, as its options have it: what makes, keeps and closes connections.
 */
import * as Duration from "effect/Duration"
import type { Dispatcher } from "undici"
import { Agent, EnvHttpProxyAgent, ProxyAgent, Socks5ProxyAgent } from "./undici.ts"
import type { UndiciOptions } from "../../UndiciExchange.ts"
import type { Attempts } from "./Attempts.ts"
import { makeConnector, pinned } from "./Connector.ts"

export class Dispatchers {
  readonly main: Dispatcher
  readonly #options: UndiciOptions
  readonly #attempts: Attempts
  #plain: Dispatcher | undefined

  /** Throws what undici says of options that cannot be. */
  constructor(options: UndiciOptions, attempts: Attempts) {
    this.#options = options
    this.#attempts = attempts
    this.main = options.dispatcher ?? makeDispatcher(options, attempts, options.http2 === true ? "HTTP/2" : "HTTP/1.1")
    const isPlain = options.dispatcher !== undefined || (options.http2 !== true && options.proxy === undefined)
    if (isPlain) this.#plain = this.main
  }

  /** For what needs HTTP/1.1, in a tunnel where there is a proxy: made when it is asked for, if it is another one. */
  get plain(): Dispatcher {
    return (this.#plain ??= makeDispatcher(this.#options, this.#attempts, "HTTP/1.1 in a tunnel"))
  }

  /** Closes what was made here. */
  async destroy(): Promise<void> {
    // Whoever asks for it now gets one that is closed.
    const all = new Set([this.main, (this.#plain ??= this.main)])
    if (this.#options.dispatcher !== undefined) all.delete(this.#options.dispatcher)
    await Promise.all([...all].map((each) => each.destroy()))
  }
}

/** Never undici's global dispatcher: Node has one of another version, which would answer. */
const makeDispatcher = (
  options: UndiciOptions,
  attempts: Attempts,
  protocol: "HTTP/1.1" | "HTTP/1.1 in a tunnel" | "HTTP/2"
): Dispatcher => {
  const http2 = protocol === "HTTP/2"
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
    timeouts,
    attempts
  })
  const { proxy } = options
  if (proxy === undefined) return new Agent({ ...common, connect: connector })
  // Given with a SOCKS proxy, even empty, undici would speak TLS to it.
  const isSocks = /^socks5?:/i.test(String(proxy))
  if (isSocks) return new Socks5ProxyAgent(proxy, { ...common, requestTls })
  const tunnelled = protocol === "HTTP/1.1 in a tunnel" ? { ...common, proxyTunnel: true } : common
  const proxied = options.tls === undefined ? tunnelled : { ...tunnelled, requestTls, proxyTls: tlsOptions }
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
