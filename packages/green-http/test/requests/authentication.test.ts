/** What the tests of Python's requests say of authentication, where no other file says it. See ../requests.md. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Auth, GreenHttp, MemoryExchange, UndiciExchange } from "green-http"
import { writeFileSync } from "node:fs"
import * as Path from "node:path"
import { directory } from "../support/directory.ts"
import { serve } from "../support/server.ts"

const over = Effect.provide(UndiciExchange.layer())

describe("authentication", () => {
  it.effect("of a request replaces the session's, or turns it off; a header of one's own goes before both", () =>
    Effect.gen(function* () {
      const app = MemoryExchange.layer((request) => new Response(request.headers.get("authorization") ?? "none"))
      const http = yield* Effect.provide(GreenHttp.make({ auth: Auth.bearer("session") }), app)
      const sent = (options?: GreenHttp.RequestOptions) =>
        Effect.flatMap(http.get("http://app.test/", options), (response) => response.text)
      assert.strictEqual(yield* sent(), "Bearer session")
      assert.strictEqual(yield* sent({ auth: Auth.bearer("request") }), "Bearer request")
      assert.strictEqual(yield* sent({ auth: false }), "none")
      assert.strictEqual(yield* sent({ headers: { Authorization: "own" } }), "own")
      assert.strictEqual(yield* sent({ auth: Auth.basic("имя", "пароль") }), "Basic 0LjQvNGPOtC/0LDRgNC+0LvRjA==")
    })
  )

  const user = "%!*'();:@&=+$,/?#[] "
  const inUrl: Readonly<Record<string, string>> = {
    [`http://${encodeURIComponent(user)}:${encodeURIComponent(user)}@app.test/`]: `${user}:${user}`,
    "http://user:pass pass@app.test/path?query=yes": "user:pass pass",
    "http://user%25user:pass@app.test/": "user%user:pass",
    "http://user:pass%23pass@app.test/": "user:pass#pass",
    "http://user@example.test:pa ssword@app.test/": "user@example.test:pa ssword",
    [`http://${"u".repeat(200)}:${"p".repeat(200)}@app.test/`]: `${"u".repeat(200)}:${"p".repeat(200)}`
  }
  it.effect("in a URL is decoded", () =>
    Effect.gen(function* () {
      const app = MemoryExchange.layer((request) => new Response(request.headers.get("authorization")?.slice(6) ?? ""))
      const http = yield* Effect.provide(GreenHttp.make(), app)
      for (const [url, expected] of Object.entries(inUrl)) {
        const sent = yield* Effect.flatMap(http.get(url), (response) => response.text)
        assert.strictEqual(Buffer.from(sent, "base64").toString(), expected)
      }
    })
  )

  it.effect("of .netrc is for the host that is asked, and an entry without user and password is none", () =>
    Effect.gen(function* () {
      const folder = yield* directory
      const path = Path.join(folder, "netrc")
      writeFileSync(path, "machine example.test login aaaa password bbbb\ndefault\n")
      const app = MemoryExchange.layer((request) => {
        const { hostname } = new URL(request.url)
        return new Response(`${hostname} ${request.headers.get("authorization")}`)
      })
      const http = yield* Effect.provide(GreenHttp.make({ auth: yield* Auth.netrc({ path }) }), app)
      const sent = (url: string) => Effect.flatMap(http.get(url), (response) => response.text)
      assert.strictEqual(yield* sent("http://example.test/thing"), "example.test Basic YWFhYTpiYmJi")
      assert.strictEqual(yield* sent("http://other.test/"), "other.test null")
      // Only what the URL says, which is no entry.
      const evil = yield* sent("http://example.test:@evil.test/&apos;")
      assert.strictEqual(evil, `evil.test Basic ${Buffer.from("example.test:").toString("base64")}`)
    })
  )

  it.live("by digest: the cookie of the 401 is sent with the next request, and a redirect is asked for its own", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const server = yield* serve((request, response) => {
        const { authorization = "-", cookie = "-" } = request.headers
        seen.push(`${request.url} ${authorization.split(" ")[0]} ${cookie}`)
        if (authorization === "-") {
          response.setHeader("www-authenticate", 'Digest realm="r", nonce="n", qop=auth')
          response.setHeader("set-cookie", "fake=fake_value")
          response.writeHead(401).end()
        } else if (request.url === "/start") response.writeHead(302, { location: "/end" }).end()
        else response.end()
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const response = yield* http.get("/start", { auth: yield* Auth.digest("user", "pass") })
      assert.deepStrictEqual([response.status, response.history.length], [200, 1])
      assert.deepStrictEqual(seen, ["/start - -", "/start Digest fake=fake_value", "/end Digest fake=fake_value"])
    }).pipe(over)
  )

  it.live("by digest is not begun without a challenge: a 200, or a 401 of another scheme, is the response", () =>
    Effect.gen(function* () {
      let asked = 0
      const server = yield* serve((request, response) => {
        asked++
        const challenges: Record<string, string> = { "/200": 'Digest realm="r", nonce="n"', "/401": "Token ..." }
        const challenge = challenges[request.url ?? ""]
        if (challenge !== undefined) response.setHeader("www-authenticate", challenge)
        response.writeHead(request.url === "/200" ? 200 : 401).end()
      })
      const auth = yield* Auth.digest("user", "pass")
      const http = yield* GreenHttp.make({ baseUrl: server.url, auth })
      for (const [path, status] of [
        ["/200", 200],
        ["/401", 401],
        ["/none", 401]
      ] as const) {
        assert.strictEqual((yield* http.get(path)).status, status)
      }
      assert.strictEqual(asked, 3)
    }).pipe(over)
  )
})
