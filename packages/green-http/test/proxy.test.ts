import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { GreenHttp, UndiciExchange } from "green-http"
import { createServer as createSecureServer } from "node:https"
import { certificate, key } from "./support/certificate.ts"
import { proxy, socks } from "./support/proxies.ts"
import { listening, type Running, serve } from "./support/server.ts"

const tls = { ca: certificate }

const secure: Effect.Effect<Running, never, Scope.Scope> = Effect.suspend(() =>
  listening(
    createSecureServer({ cert: certificate, key }, (request, response) => {
      response.end(`secure ${request.headers["proxy-authorization"] ?? "nothing of the proxy"}`)
    }),
    "https"
  )
)

const text = (url: string | URL, options: UndiciExchange.UndiciOptions) =>
  Effect.gen(function* () {
    const http = yield* GreenHttp.make()
    return yield* Effect.flatMap(http.get(url), (response) => response.text)
  }).pipe(Effect.provide(UndiciExchange.layer(options)), Effect.scoped)

describe("a proxy", () => {
  it.live("is asked for the whole URL of http, and for a tunnel to https; its password never reaches the origin", () =>
    Effect.gen(function* () {
      const origin = yield* serve((request, response) =>
        response.end(`plain ${request.headers["proxy-authorization"]}`)
      )
      const origin2 = yield* secure
      const authorization = `Basic ${Buffer.from("user:p@ss").toString("base64")}`
      const running = yield* proxy(authorization)
      const url = new URL(running.url)
      url.username = "user"
      url.password = "p@ss"
      assert.strictEqual(yield* text(origin.url, { proxy: url }), "plain undefined")
      assert.strictEqual(yield* text(origin2.url, { proxy: url, tls }), "secure nothing of the proxy")
      assert.deepStrictEqual(running.seen, [`GET ${origin.url.href}`, `CONNECT ${origin2.url.host}`])
      const pinned = yield* Effect.flip(text(origin2.url, { proxy: url, tls: { ...tls, pins: ["00:11"] } }))
      assert.strictEqual(pinned.reason._tag === "Tls" ? pinned.reason.code : pinned.message, "PIN_MISMATCH")
    })
  )

  it.live("that refuses is a typed failure, which names no secret", () =>
    Effect.gen(function* () {
      const origin = yield* secure
      const running = yield* proxy("Basic other")
      const url = new URL(running.url)
      url.username = "user"
      url.password = "secret"
      for (const target of [origin.url, new URL("http://nowhere.test/")]) {
        const error = yield* Effect.flip(text(target, { proxy: url, tls }))
        assert.strictEqual(error.reason._tag, "Refused", error.message)
        assert.notInclude(error.message, "secret")
      }
    })
  )

  it.live("may speak SOCKS5, and resolves the name itself", () =>
    Effect.gen(function* () {
      const origin = yield* serve((_, response) => response.end("plain"))
      const running = yield* socks()
      const target = `http://name.test:${origin.url.port}/`
      assert.strictEqual(yield* text(target, { proxy: `socks5://${running.url.host}` }), "plain")
      assert.deepStrictEqual(running.seen, [`name.test:${origin.url.port}`])
    })
  )

  it.live("is that of the environment, but not for whom NO_PROXY names, and not HTTP_PROXY under CGI", () =>
    Effect.gen(function* () {
      const origin = yield* serve((_, response) => response.end("plain"))
      const running = yield* proxy()
      const names = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
        "REQUEST_METHOD"
      ]
      const before = names.map((name) => [name, process.env[name]] as const)
      const within = (environment: Readonly<Record<string, string>>) =>
        Effect.gen(function* () {
          for (const name of names) delete process.env[name]
          Object.assign(process.env, environment)
          running.seen.length = 0
          assert.strictEqual(yield* text(origin.url, { proxy: "environment" }), "plain")
          return running.seen.length
        })
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const [name, value] of before) {
            if (value === undefined) delete process.env[name]
            else process.env[name] = value
          }
        })
      )
      const url = running.url.href
      assert.strictEqual(yield* within({ HTTP_PROXY: url }), 1)
      assert.strictEqual(yield* within({ http_proxy: url }), 1)
      assert.strictEqual(yield* within({ HTTP_PROXY: url, NO_PROXY: "other.test, 127.0.0.1" }), 0)
      assert.strictEqual(yield* within({ HTTP_PROXY: url, REQUEST_METHOD: "GET" }), 0)
      assert.strictEqual(yield* within({ HTTPS_PROXY: url }), 0)
      assert.strictEqual(yield* within({}), 0)
    })
  )
})

describe("TLS", () => {
  it.live("an authority of one's own is trusted, and nobody's else; a fingerprint can be asked for", () =>
    Effect.gen(function* () {
      const origin = yield* secure
      assert.include(yield* text(origin.url, { tls }), "secure")
      const untrusted = yield* Effect.flip(text(origin.url, {}))
      assert.strictEqual(untrusted.reason._tag, "Tls")
      assert.include(untrusted.message, "SELF_SIGNED")
      const named = { tls, addresses: { "secure.test": "127.0.0.1", "other.test": "127.0.0.1" } }
      assert.include(yield* text(`https://secure.test:${origin.url.port}/`, named), "secure")
      const wrong = yield* Effect.flip(text(`https://other.test:${origin.url.port}/`, named))
      assert.strictEqual(wrong.reason._tag, "Tls")
      const pinned = yield* Effect.flip(text(origin.url, { tls: { ...tls, pins: ["00:11"] } }))
      assert.strictEqual(pinned.reason._tag === "Tls" ? pinned.reason.code : "", "PIN_MISMATCH")
      const fingerprint = /is ([0-9A-F:]+)/.exec(pinned.message)?.[1] ?? ""
      assert.include(yield* text(origin.url, { tls: { ...tls, pins: [fingerprint] } }), "secure")
    })
  )
})
