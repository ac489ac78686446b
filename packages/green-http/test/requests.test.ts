/** What the tests of Python's requests say of a client, where no other file says it. See requests.md. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Auth, Cookies, GreenHttp, MemoryExchange, UndiciExchange } from "green-http"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { bodyOf, serve, serveRaw } from "./support/server.ts"

const over = Effect.provide(UndiciExchange.layer())

/** Answers with what was asked. */
const echo = serve(async (request, response) => {
  const { headers, method, rawHeaders, url } = request
  response.end(JSON.stringify({ method, url, headers, rawHeaders, body: await bodyOf(request) }))
})

const Asked = Schema.Struct({
  method: Schema.String,
  url: Schema.String,
  headers: Schema.Record(Schema.String, Schema.String),
  rawHeaders: Schema.Array(Schema.String),
  body: Schema.String
})

/** Any host, over http and https: a path that begins with a status redirects to what follows it. */
const redirecting = (seen: Array<string>) =>
  MemoryExchange.layer((request) => {
    const { host, pathname, protocol, search } = new URL(request.url)
    const { headers, method } = request
    seen.push(`${method} ${protocol}//${host}${pathname} ${headers.get("authorization") ?? "-"}`)
    const [, status, location] = /^\/(30\d)\/(.*)$/.exec(pathname) ?? []
    if (status === undefined || location === undefined) return new Response(null)
    return new Response("moved", {
      status: Number(status),
      headers: { location: decodeURIComponent(location) + search }
    })
  })

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

describe("a body", () => {
  it.live("that is empty or not there has the length 0 where one is expected, and none where not", () =>
    Effect.gen(function* () {
      const server = yield* echo
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const length = (method: string, options?: GreenHttp.RequestOptions) =>
        Effect.map(
          Effect.flatMap(http.request(method, "/", options), (response) => response.decode(Asked)),
          ({ headers }) => [headers["content-length"], headers["transfer-encoding"]]
        )
      for (const method of ["POST", "PUT", "PATCH"]) {
        assert.deepStrictEqual(yield* length(method), ["0", undefined], method)
        assert.deepStrictEqual(yield* length(method, { body: "" }), ["0", undefined], method)
      }
      for (const method of ["GET", "DELETE", "OPTIONS"]) {
        assert.deepStrictEqual(yield* length(method), [undefined, undefined], method)
      }
      assert.deepStrictEqual(yield* length("POST", { json: null }), ["4", undefined])
    }).pipe(over)
  )

  it.live("has the length that it has: another one, or a Transfer-Encoding of one's own, fails typed", () =>
    Effect.gen(function* () {
      const server = yield* echo
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const reason = (headers: GreenHttp.RequestOptions["headers"]) =>
        Effect.map(Effect.flip(http.post("/", { body: "abc", headers: headers ?? {} })), ({ reason }) => reason._tag)
      assert.strictEqual(yield* reason({ "content-length": "not zero" }), "InvalidRequest")
      assert.strictEqual(yield* reason({ "content-length": "99" }), "RequestBody")
      assert.strictEqual(yield* reason({ "transfer-encoding": "chunked" }), "InvalidRequest")
    }).pipe(over)
  )

  it.live("that is a stream is pulled once, and is not sent again: the redirect or the 401 is the response", () =>
    Effect.gen(function* () {
      let pulled = 0
      const server = yield* serve(async (request, response) => {
        await bodyOf(request)
        if (request.url === "/401") response.writeHead(401, { "www-authenticate": 'Digest realm="r", nonce="n"' })
        else response.writeHead(Number(request.url?.slice(1)), { location: "/end" })
        response.end()
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url, auth: yield* Auth.digest("user", "password") })
      const body = Stream.fromIterable(
        (function* () {
          pulled++
          yield new Uint8Array([1])
        })()
      )
      assert.strictEqual((yield* http.post("/307", { body })).status, 307)
      assert.strictEqual(pulled, 1)
      const text = Stream.encodeText(Stream.make("body"))
      assert.strictEqual((yield* http.post("/401", { body: text })).status, 401)
    }).pipe(over)
  )

  it.live(
    "is given once as a stream; what reads it after that fails typed, and bytes that are there are a stream again",
    () =>
      Effect.gen(function* () {
        const server = yield* serve((_, response) => response.end("hello"))
        const http = yield* GreenHttp.make({ baseUrl: server.url })
        const streamed = yield* http.get("/")
        assert.strictEqual(yield* Stream.mkString(Stream.decodeText(streamed.stream)), "hello")
        assert.strictEqual((yield* Effect.flip(streamed.text)).reason._tag, "Consumed")
        assert.strictEqual((yield* Effect.flip(Stream.runDrain(streamed.stream))).reason._tag, "Consumed")
        const read = yield* http.get("/")
        assert.strictEqual(yield* read.text, "hello")
        assert.strictEqual(yield* Stream.mkString(Stream.decodeText(read.stream)), "hello")
      }).pipe(over)
  )

  it.live("of which a stream takes a part lets go of the rest", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => {
        response.write(Buffer.alloc(1_000_000))
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const response = yield* http.get("/")
      yield* Stream.runDrain(Stream.take(response.stream, 1))
      yield* Effect.repeat(Effect.sleep(2), { until: () => server.open() === 0 })
    }).pipe(over)
  )

  it.live("may end with the connection, as in HTTP/1.0", () =>
    Effect.gen(function* () {
      const server = yield* serveRaw((socket) => socket.end("HTTP/1.0 200 OK\r\n\r\nuntil the end"))
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      assert.strictEqual(yield* Effect.flatMap(http.get("/"), (response) => response.text), "until the end")
    }).pipe(over)
  )
})

describe("a response", () => {
  it.live("may have a reason that is no ASCII", () =>
    Effect.gen(function* () {
      const status = "HTTP/1.1 404 Komponenttia ei löydy\r\nContent-Length: 0\r\n\r\n"
      for (const encoding of ["utf8", "latin1"] as const) {
        const server = yield* serveRaw((socket) => socket.end(status, encoding))
        const http = yield* GreenHttp.make({ baseUrl: server.url })
        const response = yield* http.get("/")
        assert.deepStrictEqual([response.status, response.ok], [404, false])
        assert.include(response.statusText, "Komponenttia ei")
      }
    }).pipe(over)
  )

  it.live("103 is passed over", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => {
        response.writeEarlyHints({ link: "</style.css>; rel=preload" })
        response.end("hello")
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const response = yield* http.get("/")
      assert.deepStrictEqual([response.status, yield* response.text], [200, "hello"])
    }).pipe(over)
  )

  it.effect("has the links of its header", () =>
    Effect.gen(function* () {
      const links = [
        '<http://app.test/a>; rel="next", <b?page=2&per_page=10>;  rel="last"',
        '<c>; title="a=b, c; d"; rel=next; type="image/jpeg"',
        "<d>;",
        ""
      ]
      const app = MemoryExchange.layer(() => new Response(null, { headers: links.map((link) => ["link", link]) }))
      const http = yield* Effect.provide(GreenHttp.make({ baseUrl: "http://app.test/dir/" }), app)
      const response = yield* http.get("")
      assert.deepStrictEqual(
        response.links.map(({ parameters, url }) => [url, Object.fromEntries(parameters)]),
        [
          ["http://app.test/a", { rel: "next" }],
          ["http://app.test/dir/b?page=2&per_page=10", { rel: "last" }],
          ["http://app.test/dir/c", { title: "a=b, c; d", rel: "next", type: "image/jpeg" }],
          ["http://app.test/dir/d", {}]
        ]
      )
    })
  )

  it.live("is read as JSON in the encoding that its byte order mark says; UTF-32 is none that Fetch knows", () =>
    Effect.gen(function* () {
      const mark = "\ufeff"
      const bodies: Record<string, Uint8Array> = {
        "/utf-8": Buffer.from("{}"),
        "/utf-8-sig": Buffer.from(`${mark}{}`),
        "/utf-16": Buffer.from(`${mark}{}`, "utf16le"),
        "/utf-16-be": Buffer.from(`${mark}{}`, "utf16le").swap16(),
        "/utf-32": Uint8Array.of(0xff, 0xfe, 0, 0, 0x7b, 0, 0, 0, 0x7d, 0, 0, 0)
      }
      const server = yield* serve((request, response) => response.end(bodies[request.url ?? ""]))
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const json = (path: string) => Effect.flatMap(http.get(path), (response) => response.json)
      for (const path of ["/utf-8", "/utf-8-sig", "/utf-16", "/utf-16-be"]) {
        assert.deepStrictEqual(yield* json(path), {}, path)
      }
      assert.strictEqual((yield* Effect.flip(json("/utf-32"))).reason._tag, "Decode")
      assert.strictEqual((yield* Effect.flip(json("/empty"))).reason._tag, "Decode")
    }).pipe(over)
  )

  it.live("is read line by line", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => {
        for (const part of ["one\ntw", "o\r", "\nthr\u00e9", "e\n\nfive"]) response.write(part)
        response.end()
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const { stream } = yield* http.get("/")
      const lines = yield* Stream.runCollect(Stream.splitLines(Stream.decodeText(stream)))
      assert.deepStrictEqual([...lines], ["one", "two", "thrée", "", "five"])
    }).pipe(over)
  )
})

describe("headers", () => {
  it.live("go out in their order, as they are written, duplicates apart", () =>
    Effect.gen(function* () {
      const server = yield* echo
      const http = yield* GreenHttp.make({
        baseUrl: server.url,
        headers: { "Accept-Encoding": "identity", First: "1", Second: "2" }
      })
      const headers: ReadonlyArray<readonly [string, string]> = [
        ["Third", "3"],
        ["X-Twice", "a"],
        ["x-twice", "b"],
        ["second", "222"]
      ]
      const { rawHeaders } = yield* Effect.flatMap(http.get("/", { headers }), (response) => response.decode(Asked))
      const own = rawHeaders.slice(rawHeaders.indexOf("Accept-Encoding"))
      assert.deepStrictEqual(own, [
        ...["Accept-Encoding", "identity", "First", "1", "Third", "3"],
        ...["X-Twice", "a", "x-twice", "b", "second", "222"]
      ])
    }).pipe(over)
  )

  it.live("that are undefined in a session are not sent, and a Host of one's own is the only one", () =>
    Effect.gen(function* () {
      const server = yield* echo
      const http = yield* GreenHttp.make({ baseUrl: server.url, headers: { "X-None": undefined, "X-Empty": "" } })
      const asked = yield* Effect.flatMap(http.get("/", { headers: { Host: "other.test" } }), (r) => r.decode(Asked))
      assert.deepStrictEqual(
        [asked.headers["x-none"], asked.headers["x-empty"], asked.headers["host"]],
        [undefined, "", "other.test"]
      )
      const names = asked.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
      assert.strictEqual(names.filter((name) => name === "host").length, 1)
    }).pipe(over)
  )

  it.effect("that would be two, or have a space where none may be, are refused", () =>
    Effect.gen(function* () {
      const http = yield* GreenHttp.make()
      const wrong: ReadonlyArray<Record<string, string>> = [
        { foo: "bar\r\nbaz: qux" },
        { foo: "bar\n\rbaz: qux" },
        { foo: "bar\nbaz: qux" },
        { foo: "bar\rbaz: qux" },
        { "fo\ro": "bar" },
        { "fo\r\no": "bar" },
        { "fo\no": "bar" },
        { " foo": "bar" },
        { "\tfoo": "bar" },
        { "foo ": "bar" },
        { "": "bar" },
        { "foo:": "bar" }
      ]
      for (const headers of wrong) {
        const error = yield* Effect.flip(http.get("http://app.test/", { headers }))
        assert.strictEqual(error.reason._tag, "InvalidRequest", JSON.stringify(headers))
      }
    }).pipe(Effect.provide(redirecting([])))
  )
})

describe("redirects", () => {
  const seen: Array<string> = []
  const follow = (method: string, url: string, options?: GreenHttp.RequestOptions) =>
    Effect.gen(function* () {
      seen.length = 0
      const http = yield* GreenHttp.make()
      return yield* http.request(method, url, options)
    }).pipe(Effect.provide(redirecting(seen)), Effect.scoped)

  it.effect("change the method as browsers do, and HEAD stays HEAD", () =>
    Effect.gen(function* () {
      const after = (method: string, status: number) =>
        Effect.map(follow(method, `http://app.test/${status}/%2Fend`), (response) => response.method)
      for (const status of [301, 302, 303]) {
        assert.strictEqual(yield* after("POST", status), "GET")
        assert.strictEqual(yield* after("HEAD", status), "HEAD")
        assert.strictEqual(yield* after("PUT", status), status === 303 ? "GET" : "PUT")
      }
      for (const status of [307, 308]) {
        for (const method of ["POST", "HEAD", "PUT"]) assert.strictEqual(yield* after(method, status), method)
      }
    })
  )

  it.live("that drop the body drop what describes it", () =>
    Effect.gen(function* () {
      const server = yield* serve(async (request, response) => {
        if (request.url === "/start") response.writeHead(302, { location: "/end" }).end(await bodyOf(request))
        else response.end(JSON.stringify([request.method, Object.keys(request.headers), await bodyOf(request)]))
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      for (const body of ["text", Stream.encodeText(Stream.make("streamed"))]) {
        const response = yield* http.post("/start", { body, headers: { "content-type": "text/plain" } })
        const expected = ["GET", ["host", "connection", "accept-encoding"], ""]
        assert.deepStrictEqual(yield* response.json, expected)
      }
    }).pipe(over)
  )

  it.effect("keep the fragment, until a Location has one of its own", () =>
    Effect.gen(function* () {
      const first = yield* follow("GET", "http://app.test/302/%2Fend#view=edit")
      assert.strictEqual(first.url, "http://app.test/end#view=edit")
      const location = encodeURIComponent("/302/" + encodeURIComponent("/final-url/") + "#relevant-section")
      const second = yield* follow("GET", `http://app.test/302/${location}#view=edit`)
      assert.deepStrictEqual(
        [...second.history.map(({ url }) => new URL(url).hash), second.url],
        ["#view=edit", "#relevant-section", "http://app.test/final-url/#relevant-section"]
      )
    })
  )

  it.live("go to what is written in UTF-8, without a scheme, relative, or in capitals", () =>
    Effect.gen(function* () {
      const server = yield* serveRaw((socket, head) => {
        const [, path = ""] = head.split(" ")
        const { host } = server.url
        const locations: Record<string, string> = {
          "/1": `//${host}/š`,
          "/2": "end?%ppicture",
          "/3": `HTTP://${host.toUpperCase()}/end`
        }
        const location = locations[path]
        const answer = location === undefined ? "200 OK" : `301 Moved Permanently\r\nLocation: ${location}`
        const body = location === undefined ? path : ""
        socket.write(`HTTP/1.1 ${answer}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const end = (path: string) => Effect.flatMap(http.get(path), (response) => response.text)
      assert.deepStrictEqual(
        [yield* end("/1"), yield* end("/2"), yield* end("/3")],
        ["/%C5%A1", "/end?%ppicture", "/end"]
      )
    }).pipe(over)
  )

  it.effect("that name no URL are the response", () =>
    Effect.gen(function* () {
      for (const location of ["http://localhost:-1", "https://:443/", "market://details?id=42"]) {
        const response = yield* follow("GET", `http://app.test/302/${encodeURIComponent(location)}`)
        assert.deepStrictEqual([response.status, response.history.length], [302, 0], location)
      }
    })
  )

  it.effect("keep the authorization on the same origin, and nowhere else", () =>
    Effect.gen(function* () {
      const auth = Auth.basic("user", "pass")
      const header = { headers: { authorization: "own" } }
      const last = (from: string, to: string) =>
        Effect.gen(function* () {
          const told: Array<string | undefined> = []
          for (const options of [{ auth }, header]) {
            yield* follow("GET", `${from}/302/${encodeURIComponent(to)}`, options)
            told.push(seen.at(-1)?.split(" ").slice(2).join(" "))
          }
          return told.every((each) => each !== "-") ? "kept" : told.every((each) => each === "-") ? "gone" : "differs"
        })
      assert.strictEqual(yield* last("http://app.test", "/end"), "kept")
      assert.strictEqual(yield* last("http://app.test", "http://app.test:80/end"), "kept")
      assert.strictEqual(yield* last("https://app.test:443", "https://app.test/end"), "kept")
      assert.strictEqual(yield* last("http://app.test", "http://www.app.test/end"), "gone")
      assert.strictEqual(yield* last("https://app.test", "http://app.test/end"), "gone")
      assert.strictEqual(yield* last("http://app.test", "https://app.test/end"), "gone")
      assert.strictEqual(yield* last("http://app.test:1234", "http://app.test:4321/end"), "gone")
    })
  )

  it.effect("that lead back to another origin do not bring the authorization back", () =>
    Effect.gen(function* () {
      const back = encodeURIComponent("http://app.test/end")
      const there = encodeURIComponent(`http://other.test/302/${back}`)
      yield* follow("GET", `http://app.test/302/${there}`, { auth: Auth.basic("user", "pass") })
      assert.deepStrictEqual(
        seen.map((each) => each.split(" ").at(-1)),
        ["dXNlcjpwYXNz", "-", "-"]
      )
    })
  )

  it.effect("twenty are followed, with the whole history, and not one more", () =>
    Effect.gen(function* () {
      const app = MemoryExchange.layer((request) => {
        const left = Number(new URL(request.url).searchParams.get("count"))
        const location = `/?count=${left - 1}`
        return left === 0 ? new Response("end") : new Response(null, { status: 303, headers: { location } })
      })
      const http = yield* Effect.provide(GreenHttp.make({ baseUrl: "http://app.test" }), app)
      const response = yield* http.get("/?count=20")
      assert.deepStrictEqual(
        response.history.map(({ url }) => new URL(url).search),
        Array.from({ length: 20 }, (_, index) => `?count=${20 - index}`)
      )
      const error = yield* Effect.flip(http.get("/?count=21"))
      assert.deepStrictEqual(error.reason, { _tag: "TooManyRedirects", limit: 20 })
    })
  )

  it.live("whose body is not what its Content-Encoding says are followed", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        if (request.url === "/end") response.end("end")
        else response.writeHead(302, { location: "/end", "content-encoding": "gzip" }).end("no gzip")
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      assert.strictEqual(yield* Effect.flatMap(http.get("/"), (response) => response.text), "end")
    }).pipe(over)
  )
})

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
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(Path.join(tmpdir(), "green-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      const path = Path.join(directory, "netrc")
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

describe("hooks", () => {
  it.effect("are told of every exchange, in order", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const tell = (text: string) => Effect.sync(() => told.push(text))
      const http = yield* GreenHttp.make({
        hooks: {
          request: ({ url }) => tell(`request ${url.pathname}`),
          response: ({ status }, { url }) => tell(`response ${status} ${url.pathname}`),
          redirect: (_, { url }) => tell(`redirect to ${url.pathname}`)
        }
      })
      yield* http.get("http://app.test/302/%2Fend")
      assert.deepStrictEqual(told, [
        "request /302/%2Fend",
        "response 302 /302/%2Fend",
        "redirect to /end",
        "request /end",
        "response 200 /end"
      ])
    }).pipe(Effect.provide(redirecting([])))
  )
})
