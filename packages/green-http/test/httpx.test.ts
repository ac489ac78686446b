/** What the tests of Python's httpx say of a client, where no other file says it. See httpx.md. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { GreenHttp, HttpError, MemoryExchange, UndiciExchange } from "green-http"
import { createServer } from "node:http"
import * as Net from "node:net"
import * as Zlib from "node:zlib"
import { bodyOf, listening, serve } from "./support/server.ts"

const over = Effect.provide(UndiciExchange.layer())

describe("a base URL", () => {
  it.effect("is what a relative one is resolved against, as a link in a page is", () =>
    Effect.gen(function* () {
      const resolved = (baseUrl: string, url: string) =>
        Effect.flatMap(GreenHttp.make({ baseUrl }), (http) => Effect.map(http.get(url), (response) => response.url))
      const base = "https://www.app.test/some/path/"
      assert.strictEqual(yield* resolved(base, "http://www.app.test/"), "http://www.app.test/")
      assert.strictEqual(yield* resolved(base, "testing/123"), `${base}testing/123`)
      assert.strictEqual(yield* resolved(base, "/testing/123"), "https://www.app.test/testing/123")
      assert.strictEqual(yield* resolved(base, "../testing/123"), "https://www.app.test/some/testing/123")
      assert.strictEqual(yield* resolved(base, "./testing:123"), `${base}testing:123`)
      assert.strictEqual(yield* resolved(base, "testing%2F123"), `${base}testing%2F123`)
      assert.strictEqual(yield* resolved(base, "?y#s"), `${base}?y#s`)
      assert.strictEqual(yield* resolved(base, ""), base)
      assert.strictEqual(
        yield* resolved("https://www.app.test/base%2Fpath/", "x"),
        "https://www.app.test/base%2Fpath/x"
      )
    }).pipe(Effect.provide(MemoryExchange.layer(() => new Response(null))))
  )
})

describe("a compressed body", () => {
  it.live("of no bytes is empty, and identity is no coding", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        const [coding = "", text = ""] = decodeURIComponent(request.url?.slice(1) ?? "").split("|")
        response.setHeader("content-encoding", coding)
        response.end(text === "" ? "" : Zlib.brotliCompressSync(text))
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const text = (path: string) =>
        Effect.flatMap(http.get(`/${encodeURIComponent(path)}`), (response) => response.text)
      for (const coding of ["gzip", "deflate", "br", "zstd", "identity"]) {
        assert.strictEqual(yield* text(`${coding}|`), "", coding)
      }
      assert.strictEqual(yield* text("br, identity|test 123"), "test 123")
      assert.strictEqual(yield* text("identity, br|test 123"), "test 123")
      assert.strictEqual(yield* text("BR|test 123"), "test 123")
    }).pipe(over)
  )

  it.live("with a coding that nobody knows is given as it is", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => {
        response.setHeader("content-encoding", "invalid-header")
        response.end("test 123")
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const response = yield* http.get("/")
      assert.deepStrictEqual([yield* response.text, response.decoded], ["test 123", false])
    }).pipe(over)
  )

  it.live("that is not what its coding says fails typed, whichever that is", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        response.setHeader("content-encoding", request.url?.slice(1) ?? "")
        response.end("invalid")
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      for (const coding of ["gzip", "deflate", "br", "zstd"]) {
        const error = yield* Effect.flip(Effect.flatMap(http.get(`/${coding}`), (response) => response.text))
        assert.strictEqual(error.reason._tag, "Decode", coding)
      }
    }).pipe(over)
  )

  it.live("comes as it was sent when nothing is to be undone, and the head of one may be asked for", () =>
    Effect.gen(function* () {
      const compressed = Zlib.gzipSync("hello")
      const server = yield* serve((_, response) => {
        response.setHeader("content-encoding", "gzip")
        response.setHeader("content-length", compressed.byteLength)
        response.end(compressed)
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url, decompress: false })
      const bytes = yield* Effect.flatMap(http.get("/"), (response) => response.bytes)
      assert.strictEqual(Zlib.gunzipSync(bytes).toString(), "hello")
      const undone = yield* GreenHttp.make({ baseUrl: server.url })
      const head = yield* undone.head("/")
      assert.deepStrictEqual([head.headers["content-length"], yield* head.text], [String(compressed.byteLength), ""])
    }).pipe(over)
  )
})

describe("text", () => {
  it.live("has the charset of its header, wherever it is cut", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        const isJapanese = request.url === "/shift-jis"
        response.setHeader("content-type", `text/html; charset=${isJapanese ? "shift-jis" : "utf-8"}`)
        const bytes = isJapanese
          ? Uint8Array.of(0x83, 0x67, 0x83, 0x89, 0x83, 0x78, 0x83, 0x8b)
          : new TextEncoder().encode("トラベル")
        for (const byte of bytes) response.write(Uint8Array.of(byte))
        response.end()
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      for (const path of ["/shift-jis", "/utf-8"]) {
        assert.strictEqual(yield* Effect.flatMap(http.get(path), (response) => response.text), "トラベル")
      }
      const { stream } = yield* http.get("/utf-8")
      assert.strictEqual(yield* Stream.mkString(Stream.decodeText(stream)), "トラベル")
    }).pipe(over)
  )
})

describe("a body that is sent", () => {
  it.live("may be a form of URLSearchParams, and a Content-Type of one's own stays", () =>
    Effect.gen(function* () {
      const server = yield* serve(async (request, response) => {
        response.end(JSON.stringify([request.headers["content-type"], await bodyOf(request)]))
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const sent = (options: GreenHttp.RequestOptions) => Effect.flatMap(http.post("/", options), ({ json }) => json)
      const form = new URLSearchParams([
        ["a", "1"],
        ["b", "2 3"],
        ["a", "true"]
      ])
      assert.deepStrictEqual(yield* sent({ form }), ["application/x-www-form-urlencoded", "a=1&b=2+3&a=true"])
      const headers = { "Content-Type": "application/vnd.api+json" }
      assert.deepStrictEqual(yield* sent({ json: { text: "Hello, world!" }, headers }), [
        "application/vnd.api+json",
        '{"text":"Hello, world!"}'
      ])
      assert.deepStrictEqual(yield* sent({ form: {} }), ["application/x-www-form-urlencoded", ""])
    }).pipe(over)
  )

  it.live("that the server does not read ends in the time that its response may take", () =>
    Effect.gen(function* () {
      const server = yield* listening(Net.createServer((socket) => socket.pause()))
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const body = Stream.map(Stream.range(1, 1000), () => new Uint8Array(100_000))
      const error = yield* Effect.flip(http.post("/", { body, timeouts: { response: 50 } }))
      assert.deepStrictEqual(error.reason, { _tag: "Timeout", phase: "response", milliseconds: 50 })
    }).pipe(over)
  )
})

describe("a session that is closed", () => {
  it("takes no more requests", async () => {
    const http = await GreenHttp.promises(UndiciExchange.layer())
    await http.close()
    await http.close()
    const error: unknown = await http.get("http://127.0.0.1:1/").catch((error: unknown) => error)
    assert.instanceOf(error, HttpError)
    assert.strictEqual(error.reason._tag, "Closed")
  })
})

describe("the proxy of the environment", () => {
  const names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"].flatMap((name) => [
    name,
    name.toLowerCase()
  ])

  /** The environment while the scope is open: of the names above only these. */
  const environment = (values: Readonly<Record<string, string>>) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const before = names.map((name) => [name, process.env[name]] as const)
        for (const name of names) delete process.env[name]
        Object.assign(process.env, values)
        return before
      }),
      (before) =>
        Effect.sync(() => {
          for (const [name, value] of before) {
            if (value === undefined) delete process.env[name]
            else process.env[name] = value
          }
        })
    )

  /** Who answers for `host:port`: the proxy, or the host itself, which is here too. */
  const whoAnswers = (host: string, values: (proxy: URL) => Readonly<Record<string, string>>) =>
    Effect.scoped(
      Effect.gen(function* () {
        const server = yield* serve((_, response) => response.end("host"))
        const proxy = yield* Effect.suspend(() => listening(createServer((_, response) => response.end("proxy"))))
        const port = server.url.port
        const fill = (text: string) => text.replace("PORT", port)
        const given = Object.entries(values(proxy.url)).map(([name, value]): [string, string] => [name, fill(value)])
        yield* environment(Object.fromEntries(given))
        const options = { proxy: "environment", addresses: { [host.toLowerCase()]: "127.0.0.1" } } as const
        return yield* Effect.gen(function* () {
          const http = yield* GreenHttp.make()
          return yield* Effect.flatMap(http.get(`http://${host}:${port}/`), (response) => response.text)
        }).pipe(Effect.provide(UndiciExchange.layer(options)))
      })
    )

  const noProxy: ReadonlyArray<readonly [host: string, noProxy: string, "proxy" | "host"]> = [
    ["127.0.0.1", "", "proxy"],
    ["127.0.0.1", "127.0.0.1", "host"],
    ["127.0.0.1", "1.1.1.1", "proxy"],
    ["courses.mit.test", "mit.test", "host"],
    ["mit.test.info", "mit.test", "proxy"],
    ["mit.test.info", "mit.test,test.info", "host"],
    ["mit.test.info", "mit.test, test.info", "host"],
    ["mit.test.info", "mit.test,mit.info", "proxy"],
    ["foo.app.test", "www.app.test", "proxy"],
    ["www.app1.test", ".app1.test", "host"],
    ["www.app2.test", "pp2.test", "proxy"],
    ["www.app3.test", "*", "host"],
    ["www.app4.test", "*.app4.test", "host"],
    ["APP5.test", "app5.TEST", "host"],
    ["app6.test", "app6.test:PORT", "host"],
    ["app6.test", "app6.test:1", "proxy"]
  ]
  for (const [host, exceptions, expected] of noProxy) {
    it.live(`NO_PROXY=${JSON.stringify(exceptions)} and ${host}: the ${expected}`, () =>
      Effect.gen(function* () {
        for (const name of ["NO_PROXY", "no_proxy"]) {
          const answer = whoAnswers(host, (proxy) => ({ HTTP_PROXY: proxy.href, [name]: exceptions }))
          assert.strictEqual(yield* answer, expected, name)
        }
      })
    )
  }

  it.live("may be named without a scheme, and for all schemes by ALL_PROXY", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* whoAnswers("app.test", ({ host }) => ({ HTTP_PROXY: host })), "proxy")
      assert.strictEqual(yield* whoAnswers("app.test", ({ href }) => ({ ALL_PROXY: href })), "proxy")
      assert.strictEqual(yield* whoAnswers("app.test", ({ host }) => ({ all_proxy: host })), "proxy")
      const both = whoAnswers("app.test", ({ href }) => ({ ALL_PROXY: "http://127.0.0.1:1", HTTP_PROXY: href }))
      assert.strictEqual(yield* both, "proxy")
      assert.strictEqual(yield* whoAnswers("app.test", ({ href }) => ({ HTTPS_PROXY: href })), "host")
    })
  )
})
