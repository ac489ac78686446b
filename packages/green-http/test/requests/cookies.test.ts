/** What the tests of Python's requests say of cookies, where no other file says it. See ../requests.md. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Cookies, GreenHttp, MemoryExchange } from "green-http"

describe("cookies", () => {
  /** Sets what the query says, and answers with what it got. */
  const app = MemoryExchange.layer((request) => {
    const set = new URL(request.url).searchParams.getAll("set")
    return new Response(request.headers.get("cookie") ?? "none", {
      headers: set.map((cookie) => ["set-cookie", cookie])
    })
  })
  const get = (http: GreenHttp.GreenHttp, url: string, ...set: ReadonlyArray<string>) =>
    Effect.flatMap(http.get(url, { params: { set } }), (response) => response.text)

  it.effect("are for their host, domain and path, and secure ones for https", () =>
    Effect.gen(function* () {
      const http = yield* GreenHttp.make()
      yield* get(http, "https://a.app.test/dir/page", "host=1", "domain=1; Domain=app.test; Path=/", "secure=1; Secure")
      assert.strictEqual(yield* get(http, "https://a.app.test/dir/other"), "host=1; secure=1; domain=1")
      assert.strictEqual(yield* get(http, "http://a.app.test/dir/other"), "host=1; domain=1")
      assert.strictEqual(yield* get(http, "https://a.app.test/elsewhere"), "domain=1")
      assert.strictEqual(yield* get(http, "https://b.app.test/dir/other"), "domain=1")
      for (const host of ["test", "local", "a.local", "localhost", "app.localhost", "com", "127.0.0.1", "[::1]"]) {
        assert.strictEqual(yield* get(http, `https://${host}/`), "none", host)
      }
      yield* get(http, "http://localhost/", "local=1")
      assert.strictEqual(yield* get(http, "http://localhost/"), "local=1")
    }).pipe(Effect.provide(app))
  )

  it.effect("of another host, or of a public suffix, are not kept", () =>
    Effect.gen(function* () {
      const http = yield* GreenHttp.make()
      const refused = ["a=1; Domain=other.test", "b=1; Domain=com", "c=1; Domain=co.uk", "__Host-d=1; Path=/", "=; no"]
      yield* get(http, "http://www.app.co.uk/", ...refused)
      assert.strictEqual(yield* get(http, "http://www.app.co.uk/"), "none")
    }).pipe(Effect.provide(app))
  )

  it.effect("end when they are set to a time that has passed; quotes are part of the value", () =>
    Effect.gen(function* () {
      const http = yield* GreenHttp.make()
      const url = "http://app.test/"
      yield* get(http, url, 'foo="bar:baz"', "age=1; Max-Age=60", "session=1")
      assert.strictEqual(yield* get(http, url), 'foo="bar:baz"; age=1; session=1')
      yield* get(http, url, "foo=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT", "age=; Max-Age=0")
      assert.strictEqual(yield* get(http, url), "session=1")
    }).pipe(Effect.provide(app))
  )

  it.effect("of one request go before those of the session, and are not kept", () =>
    Effect.gen(function* () {
      const http = yield* GreenHttp.make()
      const url = "http://app.test/"
      yield* get(http, url, "session=1")
      const own = yield* http.get(url, { headers: { cookie: "own=1" } })
      assert.strictEqual(yield* own.text, "own=1; session=1")
      assert.strictEqual(yield* get(http, url), "session=1")
    }).pipe(Effect.provide(app))
  )

  it.effect("are shared by the sessions that have the same jar, and there are none without one", () =>
    Effect.gen(function* () {
      const cookies = Cookies.make()
      const [one, other, none] = [
        yield* GreenHttp.make({ cookies }),
        yield* GreenHttp.make({ cookies }),
        yield* GreenHttp.make({ cookies: false })
      ]
      assert.strictEqual(one.cookies, cookies)
      yield* get(one, "http://app.test/", "shared=1")
      assert.strictEqual(yield* get(other, "http://app.test/"), "shared=1")
      yield* get(none, "http://app.test/", "lost=1")
      assert.strictEqual(yield* get(none, "http://app.test/"), "none")
    }).pipe(Effect.provide(app))
  )
})
