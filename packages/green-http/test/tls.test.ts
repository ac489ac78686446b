/** TLS: who is trusted, who is not and why, and certificates of clients. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { GreenHttp, UndiciExchange } from "green-http"
import { createServer, type ServerOptions } from "node:https"
import * as Net from "node:net"
import { TLSSocket } from "node:tls"
import { reasonOf } from "../src/internal/undici/errors.ts"
import {
  authority,
  certificate,
  clientCertificate,
  clientKey,
  expiredCertificate,
  expiredKey,
  key
} from "./support/certificate.ts"
import { listening, type Running, serve } from "./support/server.ts"

/** Answers with the name of the client's certificate. */
const secure = (options: ServerOptions): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.suspend(() => {
    const server = createServer(options, ({ socket }, response) => {
      const subject = socket instanceof TLSSocket ? socket.getPeerCertificate().subject : undefined
      response.end(`hello ${subject?.CN ?? "nobody"}`)
    })
    server.on("tlsClientError", () => {})
    return listening(server, "https")
  })

const text = (url: URL | string, options: UndiciExchange.UndiciOptions) =>
  Effect.gen(function* () {
    const http = yield* GreenHttp.make()
    return yield* Effect.flatMap(http.get(url), (response) => response.text)
  }).pipe(Effect.provide(UndiciExchange.layer(options)), Effect.scoped)

/** The code of the `Tls` reason; the message of any other failure. */
const code = (url: URL | string, options: UndiciExchange.UndiciOptions) =>
  Effect.map(Effect.flip(text(url, options)), (error) =>
    error.reason._tag === "Tls" ? error.reason.code : error.message
  )

const own = { cert: certificate, key }
const trusting = { ca: certificate }

describe("a client certificate", () => {
  const asking: ServerOptions = { ...own, requestCert: true, rejectUnauthorized: true, ca: authority }

  it.live("is shown to a server that asks for one", () =>
    Effect.gen(function* () {
      const server = yield* secure(asking)
      const tls = { ...trusting, cert: clientCertificate, key: clientKey }
      assert.strictEqual(yield* text(server.url, { tls }), "hello client")
      const older = { ...tls, maxVersion: "TLSv1.2" } as const
      assert.strictEqual(yield* text(server.url, { tls: older }), "hello client")
    })
  )

  it.live("that is missing, or of an authority that the server does not know, is a typed failure", () =>
    Effect.gen(function* () {
      const server = yield* secure(asking)
      const versions = ["TLSv1.2", "TLSv1.3"] as const
      for (const version of versions) {
        const only = { ...trusting, minVersion: version, maxVersion: version }
        for (const tls of [only, { ...only, ...own }]) {
          // Node's server does not say why it hangs up on a certificate that it does not know.
          const { message, reason } = yield* Effect.flip(text(server.url, { tls }))
          assert.include(["Tls", "Connect"], reason._tag, `${version}: ${message}`)
        }
      }
      const missing = yield* code(server.url, { tls: { ...trusting, maxVersion: "TLSv1.2" } })
      assert.match(missing, /^ERR_SSL_/)
    })
  )

  it.live("that cannot be read, or is not that of the key, is a typed failure", () =>
    Effect.gen(function* () {
      const server = yield* secure(asking)
      const broken = [
        { cert: "no certificate", key: clientKey },
        { cert: clientCertificate, key },
        { cert: clientCertificate, key: "no key" }
      ]
      for (const tls of broken) {
        const error = yield* Effect.flip(text(server.url, { tls: { ...trusting, ...tls } }))
        assert.strictEqual(error.reason._tag, "Tls", error.message)
      }
      const ca = yield* Effect.flip(text(server.url, { tls: { ca: "no certificate" } }))
      assert.strictEqual(ca.reason._tag, "Tls", ca.message)
    })
  )
})

describe("the certificate of a server", () => {
  it.live("is refused for another host than its own", () =>
    Effect.gen(function* () {
      const server = yield* secure(own)
      const other = `https://other.test:${server.url.port}/`
      const options = { tls: trusting, addresses: { "other.test": "127.0.0.1" } }
      assert.strictEqual(yield* code(other, options), "ERR_TLS_CERT_ALTNAME_INVALID")
      const named = { ...options, tls: { ...trusting, servername: "secure.test" } }
      assert.strictEqual(yield* text(other, named), "hello nobody")
    })
  )

  it.live("is refused when it has expired", () =>
    Effect.gen(function* () {
      const server = yield* secure({ cert: expiredCertificate, key: expiredKey })
      assert.strictEqual(yield* code(server.url, { tls: { ca: authority } }), "CERT_HAS_EXPIRED")
    })
  )

  it.live("is refused when nobody known has signed it, unless it is not asked who", () =>
    Effect.gen(function* () {
      const selfSigned = yield* secure(own)
      assert.strictEqual(yield* code(selfSigned.url, {}), "DEPTH_ZERO_SELF_SIGNED_CERT")
      assert.strictEqual(yield* text(selfSigned.url, { tls: { rejectUnauthorized: false } }), "hello nobody")
      const unknown = yield* secure({ cert: clientCertificate, key: clientKey })
      assert.strictEqual(yield* code(unknown.url, { tls: trusting }), "UNABLE_TO_VERIFY_LEAF_SIGNATURE")
    })
  )
})

describe("a handshake", () => {
  it.live("without a version that both speak is a typed failure", () =>
    Effect.gen(function* () {
      const server = yield* secure({ ...own, maxVersion: "TLSv1.2" })
      const error = yield* code(server.url, { tls: { ...trusting, minVersion: "TLSv1.3" } })
      assert.strictEqual(error, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION")
    })
  )

  it.live("with a server that speaks plain HTTP is a typed failure", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => response.end("plain"))
      const url = new URL(server.url)
      url.protocol = "https:"
      assert.match(yield* code(url, { tls: trusting }), /^ERR_SSL_/)
    })
  )

  it("that fails is not taken for a proxy that refuses, whatever OpenSSL begins its message with", () => {
    const message = "40736C238E7F0000:error:0A00042E:SSL routines:ssl3_read_bytes:tlsv1 alert protocol version"
    const error = Object.assign(new Error(message), { code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" })
    assert.deepStrictEqual(reasonOf(error, false), { _tag: "Tls", code: error.code, problem: message })
  })

  it.live("that the server does not answer ends in the time that it may take", () =>
    Effect.gen(function* () {
      const server = yield* listening(
        Net.createServer((socket) => socket.resume()),
        "https"
      )
      const error = yield* Effect.flip(text(server.url, { tls: trusting, timeouts: { tls: 20 } }))
      assert.deepStrictEqual(error.reason, { _tag: "Timeout", phase: "tls", milliseconds: 20 })
      yield* Effect.repeat(Effect.sleep(2), { until: () => server.open() === 0 })
    })
  )
})
