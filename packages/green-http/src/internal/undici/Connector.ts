/**
 * How connections of the undici handler are made: by undici, with our own resolver, filter and time-outs around it.
 */
import * as Dns from "node:dns"
import * as Net from "node:net"
import { checkServerIdentity, type ConnectionOptions, type PeerCertificate } from "node:tls"
import { buildConnector } from "./undici.ts"
import type { HttpErrorReason, Phase } from "../../HttpError.ts"
import type { Attempts } from "./Attempts.ts"

/** What TLS is told, as `tls.connect` takes it. */
export type TlsOptions = Pick<
  ConnectionOptions,
  "ca" | "cert" | "key" | "passphrase" | "servername" | "rejectUnauthorized" | "ciphers" | "minVersion" | "maxVersion"
> & {
  /** SHA-256 fingerprints, as `openssl x509 -fingerprint -sha256` prints them: one of them has to be the server's. */
  readonly pins?: ReadonlyArray<string>
}

export interface ConnectorOptions {
  readonly http2: boolean
  readonly tls?: TlsOptions | undefined
  readonly socketPath?: string | undefined
  /** Addresses of names, instead of those of the system: `{ "api.test": "127.0.0.1" }`. */
  readonly addresses?: Readonly<Record<string, string>> | undefined
  /** Whether an address may be connected to. Asked after the name has been resolved, for each connection. */
  readonly allowAddress?: ((address: string, host: string) => boolean) | undefined
  /** In milliseconds. */
  readonly timeouts: { readonly dns?: number; readonly connect?: number; readonly tls?: number }
  readonly attempts: Attempts
}

/** Why there is no connection, thrown through undici. */
export class ConnectFailure extends Error {
  readonly reason: HttpErrorReason

  constructor(reason: HttpErrorReason) {
    super(reason._tag)
    this.reason = reason
  }
}

export const makeConnector = (options: ConnectorOptions): buildConnector.connector => {
  const { addresses, allowAddress, attempts, http2, socketPath, timeouts } = options
  const { pins, ...tls } = options.tls ?? {}
  const own = new Map(Object.entries(addresses ?? {}))

  const refused = (address: string, host: string) =>
    new ConnectFailure({ _tag: "Refused", problem: `the address filter does not allow ${address}, of ${host}` })

  const lookup: Net.LookupFunction = (host, lookupOptions, callback) => {
    const address = own.get(host)
    const answer = (error: NodeJS.ErrnoException | null, found: string | Array<Dns.LookupAddress>, family?: number) => {
      if (error !== null) return callback(error, found, family)
      const all = typeof found === "string" ? [{ address: found, family: family ?? Net.isIP(found) }] : found
      const allowed = all.filter(({ address }) => allowAddress?.(address, host) ?? true)
      const [first] = allowed
      if (first === undefined) return callback(refused(all[0]?.address ?? host, host), [])
      if (lookupOptions.all === true) return callback(null, allowed)
      return callback(null, first.address, first.family)
    }
    if (address !== undefined) answer(null, address, Net.isIP(address))
    else Dns.lookup(host, { ...lookupOptions, all: true }, answer)
  }

  const connect = buildConnector({
    ...tls,
    lookup,
    allowH2: http2,
    socketPath: socketPath ?? null,
    // Ours are by phase.
    timeout: 0
  })

  return (target, callback) => {
    const host = target.hostname.replace(/^\[|\]$/g, "")
    if (socketPath === undefined && Net.isIP(host) !== 0 && allowAddress?.(host, host) === false) {
      return callback(refused(host, host), null)
    }
    let socket: Net.Socket | undefined
    let timer: NodeJS.Timeout | undefined
    let settled = false
    let ended = () => {}
    const settle: buildConnector.Callback = (...outcome) => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      ended()
      callback(...outcome)
    }
    const enter = (phase: Phase, milliseconds: number | undefined) => {
      clearTimeout(timer)
      if (milliseconds === undefined || settled) return
      timer = setTimeout(() => {
        const failure = new ConnectFailure({ _tag: "Timeout", phase, milliseconds })
        settle(failure, null)
        socket?.destroy(failure)
      }, milliseconds)
    }
    const result: unknown = connect({ ...target, hostname: host }, (error, connected) => {
      if (error !== null) return settle(error, null)
      const wrong = pins === undefined ? undefined : mismatch(connected, pins)
      if (wrong === undefined) return settle(null, connected)
      connected.destroy()
      return settle(new ConnectFailure(wrong), null)
    })
    if (!(result instanceof Net.Socket)) return
    socket = result
    // Told at once: who comes next is not to wait for it.
    ended = attempts.begin(`${target.protocol}//${target.host}`, () => {
      settle(new ConnectFailure({ _tag: "Closed" }), null)
      result.destroy()
    })
    const connecting = () => enter("connect", timeouts.connect)
    if (Net.isIP(host) === 0 && socketPath === undefined) {
      enter("dns", timeouts.dns)
      socket.once("lookup", connecting)
    } else connecting()
    socket.once("connect", () => enter("tls", timeouts.tls))
  }
}

/** The same through a tunnel, where the socket is not ours to look at: asked by `tls.connect`. */
export const pinned =
  (pins: ReadonlyArray<string>) =>
  (host: string, certificate: PeerCertificate): Error | undefined =>
    pins.includes(certificate.fingerprint256)
      ? checkServerIdentity(host, certificate)
      : new ConnectFailure(mismatched(certificate.fingerprint256))

const mismatched = (fingerprint: string): HttpErrorReason => ({
  _tag: "Tls",
  code: "PIN_MISMATCH",
  problem: `the certificate is ${fingerprint}`
})

/** Why the certificate of the socket is none of those that are expected. */
const mismatch = (socket: Net.Socket, pins: ReadonlyArray<string>): HttpErrorReason | undefined => {
  const certificate =
    "getPeerCertificate" in socket && typeof socket.getPeerCertificate === "function"
      ? socket.getPeerCertificate()
      : undefined
  const fingerprint: unknown = certificate?.fingerprint256
  if (typeof fingerprint === "string" && pins.includes(fingerprint)) return undefined
  return mismatched(typeof fingerprint === "string" ? fingerprint : "not there")
}
