/** What the tests of Python's requests say of responses, headers and hooks, where no other file says it. See ../requests.md. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { GreenHttp, MemoryExchange, UndiciExchange } from "green-http"
import { Asked, echo, redirecting } from "../support/asked.ts"
import { serve, serveRaw } from "../support/server.ts"

const over = Effect.provide(UndiciExchange.layer())

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
