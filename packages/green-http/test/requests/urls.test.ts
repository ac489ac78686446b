/** What the tests of Python's requests say of URLs and their parameters, where no other file says it. See ../requests.md. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { GreenHttp, UndiciExchange } from "green-http"
import { Asked, echo, redirecting } from "../support/asked.ts"

const over = Effect.provide(UndiciExchange.layer())

describe("a URL", () => {
  const unusable = [
    "hiwpefhipowhefopw",
    "localhost:3128",
    "10.122.1.1:3128/",
    "http://",
    "http://fe80::5054:ff:fe5a:fc0",
    "http://localhost:-1",
    "http://exam ple.test/",
    "file:///etc/passwd",
    "magnet:?xt=urn:btih:be08"
  ]
  it.effect("that is none of http, or none at all, fails typed before anything is sent", () =>
    Effect.gen(function* () {
      const http = yield* GreenHttp.make()
      for (const url of unusable) {
        assert.strictEqual((yield* Effect.flip(http.get(url))).reason._tag, "InvalidUrl", url)
      }
    }).pipe(Effect.provide(redirecting([])))
  )

  const asked: Readonly<Record<string, readonly [url: string, target: string]>> = {
    "is encoded where it has to be": ["/a b/ø?q=ü ü", "/a%20b/%C3%B8?q=%C3%BC%20%C3%BC"],
    "is not encoded twice": ["/a%20b?q=%25p&r=%C3%BC", "/a%20b?q=%25p&r=%C3%BC"],
    "may have a percent sign that encodes nothing": ["/fiz?buz=%ppicture", "/fiz?buz=%ppicture"],
    "is normalised": ["/a/b/../c/./d", "/a/c/d"],
    "may leave no root": ["/../../a", "/a"],
    "may have empty segments": ["/a//b", "/a//b"],
    "cannot break out of the request line": ["/a\r\nX-Injected: 1\r\n\r\n", "/aX-Injected:%201"],
    "keeps its fragment to itself": ["/path?q=1#view=edit&token=hunter2", "/path?q=1"]
  }
  for (const [name, [url, target]] of Object.entries(asked)) {
    it.live(name, () =>
      Effect.gen(function* () {
        const server = yield* echo
        const http = yield* GreenHttp.make()
        const response = yield* http.get(`${server.url.origin}${url}`)
        const asked = yield* response.decode(Asked)
        assert.strictEqual(asked.url, target)
        assert.notInclude(JSON.stringify(asked), "hunter2")
        assert.isUndefined(asked.headers["x-injected"])
      }).pipe(over)
    )
  }

  it.live("of many slashes stays on its host", () =>
    Effect.gen(function* () {
      const server = yield* echo
      const http = yield* GreenHttp.make()
      const asked = yield* Effect.flatMap(http.get(`${server.url.origin}//other.test/path`), (r) => r.decode(Asked))
      assert.deepStrictEqual([asked.url, asked.headers["host"]], ["//other.test/path", server.url.host])
    }).pipe(over)
  )

  it.effect("may have white space around it, capitals, a default port, an international name or an IPv6 address", () =>
    Effect.gen(function* () {
      const http = yield* GreenHttp.make()
      const urls = {
        " http://app.test ": "http://app.test/",
        "HttP://APP.test:80/A": "http://app.test/A",
        "https://app.test:443": "https://app.test/",
        "http://ジェーピーニック.jp": "http://xn--hckqz9bzb1cyrb.jp/",
        "http://straße.de/straße": "http://xn--strae-oqa.de/stra%C3%9Fe",
        "http://xn--n3h.net/": "http://xn--n3h.net/",
        "http://[1200:0000:ab00:1234:0000:2552:7777:1313]:12345/": "http://[1200:0:ab00:1234:0:2552:7777:1313]:12345/"
      }
      for (const [url, expected] of Object.entries(urls)) {
        assert.strictEqual((yield* http.get(url)).url, expected)
      }
    }).pipe(Effect.provide(redirecting([])))
  )
})

describe("params", () => {
  it.live("are added behind the query, which stays as it was written, and before the fragment", () =>
    Effect.gen(function* () {
      const server = yield* echo
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const target = (url: string, params: NonNullable<GreenHttp.RequestOptions["params"]>) =>
        Effect.map(
          Effect.flatMap(http.get(url, { params }), (response) => response.decode(Asked)),
          (asked) => asked.url
        )
      assert.strictEqual(yield* target("/p#f", { a: "b" }), "/p?a=b")
      assert.strictEqual(yield* target("/p?a=b%20c&d=e/f#f", { x: "1 2/é" }), "/p?a=b%20c&d=e/f&x=1+2%2F%C3%A9")
      assert.strictEqual(yield* target("/", { z: 1, a: true, k: ["x", 2] }), "/?z=1&a=true&k=x&k=2")
      assert.strictEqual(yield* target("/?q", { none: undefined }), "/?q")
      assert.strictEqual(yield* target("/", { føø: "%20" }), "/?f%C3%B8%C3%B8=%2520")
      const fragment = yield* http.get("/p?key=value#fragment", { params: { a: "b" } })
      assert.strictEqual(fragment.url, new URL("/p?key=value&a=b#fragment", server.url).href)
    }).pipe(over)
  )
})
