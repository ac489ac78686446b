import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Auth, Cookies, GreenHttp, type HttpError, HttpExchange, UndiciExchange } from "green-http"
import * as Zlib from "node:zlib"
import { collected } from "./support/collected.ts"
import { bodyOf, serve } from "./support/server.ts"

const over = Effect.provide(UndiciExchange.layer())
const reasonOf = (error: HttpError) => error.reason

const Sent = Schema.Array(Schema.NullOr(Schema.String))

describe("a request", () => {
  it.live("gives the head; the body is read as text, json or bytes, again if asked again", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        response.setHeader("x-seen", `${request.method} ${request.url}`)
        response.setHeader("content-type", "application/json")
        response.end(JSON.stringify({ greeting: "hello" }))
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const response = yield* http.get("path?a=1", { params: { b: 2, c: ["x", "y z"], __proto__: "ignored" } })
      assert.deepStrictEqual(
        [response.status, response.statusText, response.ok, response.method],
        [200, "OK", true, "GET"]
      )
      assert.strictEqual(response.headers["x-seen"], "GET /path?a=1&b=2&c=x&c=y+z")
      assert.strictEqual(response.url, new URL("/path?a=1&b=2&c=x&c=y+z", server.url).href)
      assert.deepStrictEqual(yield* response.json, { greeting: "hello" })
      assert.strictEqual(yield* response.text, '{"greeting":"hello"}')
      assert.strictEqual((yield* response.bytes).byteLength, 20)
      assert.isAtLeast(response.elapsed, 0)
      const Greeting = Schema.Struct({ greeting: Schema.String })
      assert.deepStrictEqual(yield* response.decode(Greeting), { greeting: "hello" })
      const wrong = yield* Effect.flip(response.decode(Schema.Struct({ greeting: Schema.Number })))
      assert.strictEqual(wrong.reason._tag, "Decode")
    }).pipe(over)
  )

  it.live("has every verb, and sends json, a form, text, bytes, a stream and multipart", () =>
    Effect.gen(function* () {
      const server = yield* serve(async (request, response) => {
        const body = await bodyOf(request)
        const { "content-length": length, "content-type": type, "transfer-encoding": coding } = request.headers
        response.end(JSON.stringify([request.method, body, type?.split(";")[0], length, coding]))
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const sent = (verb: "post" | "put" | "patch" | "delete" | "options", options: GreenHttp.RequestOptions) =>
        Effect.flatMap(http[verb]("/", options), (response) => response.decode(Sent))
      assert.deepStrictEqual(yield* sent("post", { json: { a: [1] } }), [
        "POST",
        '{"a":[1]}',
        "application/json",
        "9",
        null
      ])
      assert.deepStrictEqual(yield* sent("put", { form: { a: "1 2", b: ["x", "y"] } }), [
        "PUT",
        "a=1+2&b=x&b=y",
        "application/x-www-form-urlencoded",
        "13",
        null
      ])
      assert.deepStrictEqual(yield* sent("patch", { body: "grün" }), ["PATCH", "grün", "text/plain", "5", null])
      assert.deepStrictEqual(yield* sent("post", { body: new Uint8Array([65, 66]) }), ["POST", "AB", null, "2", null])
      const stream = Stream.make("a", "b").pipe(Stream.encodeText)
      assert.deepStrictEqual(yield* sent("post", { body: stream }), ["POST", "ab", null, null, "chunked"])
      assert.deepStrictEqual(yield* sent("post", { body: stream, length: 2 }), ["POST", "ab", null, "2", null])
      assert.deepStrictEqual(yield* sent("delete", {}), ["DELETE", "", null, null, null])
      assert.deepStrictEqual(yield* sent("options", {}), ["OPTIONS", "", null, null, null])
      const form = new FormData()
      form.set("field", "value")
      form.set("file", new File(["content"], "name.txt", { type: "text/plain" }))
      const [, body, type] = yield* sent("post", { multipart: form })
      assert.strictEqual(type, "multipart/form-data")
      assert.include(body, 'name="file"; filename="name.txt"')
      assert.include(body, "content")
      const head = yield* http.head("/")
      assert.strictEqual(yield* head.text, "")
    }).pipe(over)
  )

  it.live("a URL that cannot be asked, a method or a header that cannot be sent fails before anything is sent", () =>
    Effect.gen(function* () {
      const http = yield* GreenHttp.make()
      assert.deepStrictEqual(yield* Effect.flip(http.get("/relative")).pipe(Effect.map(reasonOf)), {
        _tag: "InvalidUrl",
        value: "/relative",
        problem: "it is not absolute, and the session has no baseUrl"
      })
      const error = yield* Effect.flip(http.get("ftp://user:secret@host/?token=secret"))
      assert.strictEqual(error.reason._tag, "InvalidUrl")
      assert.notInclude(error.message, "secret")
      for (const headers of [{ "a b": "1" }, { a: "1\r\nx: 2" }, { a: "\u0000" }, { a: "€" }]) {
        const wrong = yield* Effect.flip(http.get("http://127.0.0.1:1/", { headers }))
        assert.strictEqual(wrong.reason._tag, "InvalidRequest")
      }
      assert.strictEqual(
        (yield* Effect.flip(http.request("GE T", "http://127.0.0.1:1/"))).reason._tag,
        "InvalidRequest"
      )
      assert.strictEqual((yield* Effect.flip(GreenHttp.make({ baseUrl: "nowhere" }))).reason._tag, "InvalidUrl")
      const circular: Record<string, unknown> = {}
      circular["self"] = circular
      assert.strictEqual(
        (yield* Effect.flip(http.post("http://127.0.0.1:1/", { json: circular }))).reason._tag,
        "RequestBody"
      )
    }).pipe(over)
  )

  it.live("raiseForStatus fails with the status, and gives a response that is ok", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        response.statusCode = request.url === "/ok" ? 204 : 503
        response.end()
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const ok = yield* Effect.flatMap(http.get("/ok"), (response) => response.raiseForStatus)
      assert.strictEqual(ok.status, 204)
      const error = yield* Effect.flip(
        Effect.flatMap(http.get("/?token=secret"), (response) => response.raiseForStatus)
      )
      assert.deepStrictEqual(error.reason, { _tag: "Status", status: 503 })
      assert.notInclude(error.message, "secret")
    }).pipe(over)
  )
})

describe("a body", () => {
  it.live("is decompressed, whatever it was compressed with, in layers too", () =>
    Effect.gen(function* () {
      const text = "hello ".repeat(10_000)
      const encoded: Record<string, Uint8Array> = {
        gzip: Zlib.gzipSync(text),
        deflate: Zlib.deflateSync(text),
        br: Zlib.brotliCompressSync(text),
        zstd: Zlib.zstdCompressSync(text),
        "gzip, br": Zlib.brotliCompressSync(Zlib.gzipSync(text)),
        identity: Buffer.from(text)
      }
      const server = yield* serve((request, response) => {
        const name = decodeURIComponent(request.url?.slice(1) ?? "")
        response.setHeader("content-encoding", name === "raw" ? "deflate" : name)
        response.end(name === "raw" ? Zlib.deflateRawSync(text) : encoded[name])
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      for (const name of [...Object.keys(encoded), "raw"]) {
        const response = yield* http.get(`/${encodeURIComponent(name)}`)
        assert.strictEqual(yield* response.text, text, name)
      }
      const streamed = yield* http.get("/gzip")
      const size = yield* Stream.runFold(
        streamed.stream,
        () => 0,
        (total, bytes) => total + bytes.byteLength
      )
      assert.strictEqual(size, text.length)
    }).pipe(over)
  )

  it.live("that is not what its encoding says, ends short or inflates beyond the limit fails typed", () =>
    Effect.gen(function* () {
      const bomb = Zlib.gzipSync(Buffer.alloc(10_000_000))
      const bodies: Record<string, Uint8Array> = {
        "/garbage": Buffer.from("this is no gzip"),
        "/short": Zlib.gzipSync("hello ".repeat(1000)).subarray(0, 20),
        "/bomb": bomb
      }
      const server = yield* serve((request, response) => {
        response.setHeader("content-encoding", "gzip")
        response.end(bodies[request.url ?? ""])
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url, maxBytes: 1_000_000 })
      const failing = (path: string) =>
        Effect.map(Effect.flip(Effect.flatMap(http.get(path), (response) => response.text)), reasonOf)
      assert.strictEqual((yield* failing("/garbage"))._tag, "Decode")
      assert.strictEqual((yield* failing("/short"))._tag, "Decode")
      assert.deepStrictEqual(yield* failing("/bomb"), { _tag: "TooLarge", limit: 1_000_000 })
    }).pipe(over)
  )

  it.live("has the charset of the header, or of its byte order mark", () =>
    Effect.gen(function* () {
      const bodies: Record<string, readonly [string | undefined, Uint8Array]> = {
        "/latin1": ["text/plain; charset=ISO-8859-1", Buffer.from("grün", "latin1")],
        "/quoted": ['text/plain; charset="utf-16le"', Buffer.from("grün", "utf16le")],
        "/mark": ["text/plain; charset=latin1", Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from("grün")])],
        "/none": [undefined, Buffer.from("grün")]
      }
      const server = yield* serve((request, response) => {
        const [type, body] = bodies[request.url ?? ""] ?? ["text/plain; charset=nonsense", Buffer.from("x")]
        if (type !== undefined) response.setHeader("content-type", type)
        response.end(body)
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      for (const path of Object.keys(bodies)) {
        assert.strictEqual(yield* Effect.flatMap(http.get(path), (response) => response.text), "grün", path)
      }
      const wrong = yield* Effect.flip(Effect.flatMap(http.get("/other"), (response) => response.text))
      assert.strictEqual(wrong.reason._tag, "Decode")
    }).pipe(over)
  )

  it.live("that nobody reads is let go when the fiber that has asked fails or is interrupted", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => {
        response.write(Buffer.alloc(1_000_000))
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      yield* Effect.flip(
        Effect.flatten(Effect.forkChild(Effect.andThen(http.get("/"), Effect.fail("no"))).pipe(Effect.map(Fiber.join)))
      )
      yield* Effect.repeat(Effect.sleep(5), { until: () => server.open() === 0 })
      const asked = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        Effect.andThen(Effect.andThen(http.get("/"), Deferred.succeed(asked, undefined)), Effect.never)
      )
      yield* Deferred.await(asked)
      assert.strictEqual(server.open(), 1)
      yield* Fiber.interrupt(fiber)
      yield* Effect.repeat(Effect.sleep(5), { until: () => server.open() === 0 })
    }).pipe(over)
  )

  it.live("is let go when the fiber is interrupted, or out of time, while a hook looks at the head", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => {
        response.write(Buffer.alloc(1_000_000))
      })
      const seen = yield* Deferred.make<void>()
      const hooks = { response: () => Effect.andThen(Deferred.succeed(seen, undefined), Effect.never) }
      const http = yield* GreenHttp.make({ baseUrl: server.url, hooks })
      const fiber = yield* Effect.forkChild(http.get("/"))
      yield* Deferred.await(seen)
      assert.strictEqual(server.open(), 1)
      yield* Fiber.interrupt(fiber)
      yield* Effect.repeat(Effect.sleep(5), { until: () => server.open() === 0 })
      const error = yield* Effect.flip(http.get("/", { timeouts: { total: 300 } }))
      assert.deepStrictEqual(error.reason, { _tag: "Timeout", phase: "total", milliseconds: 300 })
      yield* Effect.repeat(Effect.sleep(5), { until: () => server.open() === 0 })
    }).pipe(over)
  )

  it.live("whose response nobody has any more is let go when that is garbage", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => {
        response.write(Buffer.alloc(1_000_000))
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      // In a fiber that succeeds, and is gone with all that it had.
      yield* Effect.flatMap(Effect.forkChild(Effect.asVoid(http.get("/"))), Fiber.join)
      assert.strictEqual(server.open(), 1)
      yield* Effect.repeat(Effect.andThen(collected, Effect.sleep(20)), { until: () => server.open() === 0 })
    }).pipe(over)
  )

  it.live("of a fiber that succeeds may be read by another one", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => response.end(request.url))
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const responses = yield* Effect.forEach(["/a", "/b"], (path) => http.get(path), { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* Effect.forEach(responses, (response) => response.text), ["/a", "/b"])
    }).pipe(over)
  )

  it.live("that is left when the session ends is let go, and reading it then fails", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => {
        response.write(Buffer.alloc(1_000_000))
      })
      const response = yield* Effect.scoped(
        Effect.flatMap(GreenHttp.make({ baseUrl: server.url }), (http) => http.get("/"))
      )
      assert.strictEqual((yield* Effect.flip(response.bytes)).reason._tag, "Discarded")
      yield* Effect.repeat(Effect.sleep(5), { until: () => server.open() === 0 })
    }).pipe(over)
  )

  it.live("interrupted before the head, the connection is closed at once", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const closed = yield* Deferred.make<void>()
      const server = yield* serve((request) => {
        request.socket.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
        Deferred.doneUnsafe(asked, Effect.void)
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const fiber = yield* Effect.forkChild(http.get("/"))
      yield* Deferred.await(asked)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(closed)
    }).pipe(over)
  )
})

describe("a session", () => {
  it.live("keeps its headers, auth and cookies to the origin of its base URL", () =>
    Effect.gen(function* () {
      const seen: Array<Record<string, unknown>> = []
      const listener = (name: string) =>
        serve((request, response) => {
          const { authorization, cookie, "x-session": session } = request.headers
          seen.push({ name, authorization, cookie, session })
          response.setHeader("set-cookie", "id=1")
          response.end()
        })
      const own = yield* listener("own")
      const other = yield* listener("other")
      const http = yield* GreenHttp.make({
        baseUrl: own.url,
        headers: { "X-Session": "yes" },
        auth: Auth.basic("user", "pass")
      })
      const authorization = `Basic ${Buffer.from("user:pass").toString("base64")}`
      yield* http.get("/")
      yield* http.get("/")
      yield* http.get(other.url)
      yield* http.get(`//127.0.0.1:${other.url.port}/`)
      assert.deepStrictEqual(seen, [
        { name: "own", authorization, cookie: undefined, session: "yes" },
        { name: "own", authorization, cookie: "id=1", session: "yes" },
        { name: "other", authorization: undefined, cookie: undefined, session: undefined },
        { name: "other", authorization: undefined, cookie: undefined, session: undefined }
      ])
    }).pipe(over)
  )

  it.live("a header of the request replaces the session's of that name, in any case", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) =>
        response.end(JSON.stringify([request.headers["x-a"], request.headers["x-b"]]))
      )
      const http = yield* GreenHttp.make({ baseUrl: server.url, headers: { "X-A": "1", "X-B": "2" } })
      const response = yield* http.get("/", { headers: { "x-a": "3" } })
      assert.deepStrictEqual(yield* response.json, ["3", "2"])
    }).pipe(over)
  )

  it.live("has params for the URLs of its origin; those of a request replace them by name", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => response.end(request.url))
      const other = yield* serve((request, response) => response.end(request.url))
      const http = yield* GreenHttp.make({ baseUrl: server.url, params: { key: "k", page: 1, all: true } })
      const asked = (url: string | URL, params?: GreenHttp.Parameters) =>
        Effect.flatMap(http.get(url, params === undefined ? {} : { params }), ({ text }) => text)
      assert.strictEqual(yield* asked("/a?b=c"), "/a?b=c&key=k&page=1&all=true")
      assert.strictEqual(yield* asked("/a", { page: [2, 3], all: undefined }), "/a?key=k&page=2&page=3")
      assert.strictEqual(yield* asked(other.url), "/")
    }).pipe(over)
  )

  it.live("a header of the request that is undefined takes the session's away, in any case", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => response.end(`${request.headers["x-a"]}`))
      const http = yield* GreenHttp.make({ baseUrl: server.url, headers: { "X-A": "1" } })
      const response = yield* http.get("/", { headers: { "x-a": undefined } })
      assert.strictEqual(yield* response.text, "undefined")
      assert.strictEqual(yield* Effect.flatMap(http.get("/"), ({ text }) => text), "1")
    }).pipe(over)
  )

  it.live("cookies are set and sent on every hop of a redirect, and the jar can be serialised", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        const cookie = request.headers.cookie ?? "none"
        if (request.url === "/start") {
          response.writeHead(302, { location: "/middle", "set-cookie": ["a=1; Path=/", "b=2; Path=/"] }).end()
        } else if (request.url === "/middle") {
          response.writeHead(302, { location: "/end", "set-cookie": "b=; Max-Age=0; Path=/" }).end(cookie)
        } else response.end(cookie)
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const response = yield* http.get("/start")
      assert.strictEqual(yield* response.text, "a=1")
      assert.deepStrictEqual(
        response.history.map((head) => [head.status, new URL(head.url).pathname, head.cookies.length]),
        [
          [302, "/start", 2],
          [302, "/middle", 1]
        ]
      )
      assert.strictEqual(server.connections(), 1)
      const jar = Cookies.make(JSON.parse(JSON.stringify(http.cookies?.toJSON())))
      const again = yield* GreenHttp.make({ baseUrl: server.url, cookies: jar })
      assert.strictEqual(yield* Effect.flatMap(again.get("/end"), (response) => response.text), "a=1")
    }).pipe(over)
  )
})

describe("redirects", () => {
  it.live("the headers of the session stay at its origin, those of the request go on", () =>
    Effect.gen(function* () {
      const other = yield* serve((request, response) => {
        const { "x-request": own, "x-session": session } = request.headers
        response.end(JSON.stringify([session ?? null, own ?? null]))
      })
      const server = yield* serve((_, response) => response.writeHead(302, { location: other.url.href }).end())
      const http = yield* GreenHttp.make({ baseUrl: server.url, headers: { "x-session": "secret" } })
      const response = yield* http.get("/", { headers: { "X-Request": "1" } })
      assert.deepStrictEqual(yield* response.json, [null, "1"])
    }).pipe(over)
  )

  it.live("credentials do not follow to another origin, and a POST becomes a GET where Fetch says so", () =>
    Effect.gen(function* () {
      const seen: Array<ReadonlyArray<unknown>> = []
      const other = yield* serve(async (request, response) => {
        seen.push([request.method, request.headers.authorization, request.headers.cookie, await bodyOf(request)])
        response.end()
      })
      const server = yield* serve((request, response) => {
        response.writeHead(Number(request.url?.slice(1)), { location: other.url.href }).end()
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url, auth: Auth.bearer("secret") })
      for (const status of [301, 302, 303, 307, 308]) {
        yield* http.post(`/${status}`, { body: "text", headers: { cookie: "own=1" } })
      }
      assert.deepStrictEqual(seen, [
        ["GET", undefined, undefined, ""],
        ["GET", undefined, undefined, ""],
        ["GET", undefined, undefined, ""],
        ["POST", undefined, undefined, "text"],
        ["POST", undefined, undefined, "text"]
      ])
    }).pipe(over)
  )

  it.live("are followed so many times; with 0 the redirect is the response", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => response.writeHead(302, { location: "/" }).end("body"))
      const http = yield* GreenHttp.make({ baseUrl: server.url, redirects: 3 })
      assert.deepStrictEqual((yield* Effect.flip(http.get("/"))).reason, { _tag: "TooManyRedirects", limit: 3 })
      const response = yield* http.get("/", { redirects: 0 })
      assert.deepStrictEqual([response.status, yield* response.text], [302, "body"])
    }).pipe(over)
  )
})

describe("time-outs", () => {
  it.live("name the phase", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        if (request.url === "/body") response.write("begun")
        if (request.url === "/slow redirect") response.writeHead(302, { location: "/" }).end()
      })
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      const phase = (path: string, timeouts: GreenHttp.Timeouts) =>
        Effect.map(
          Effect.flip(Effect.flatMap(http.get(path, { timeouts }), (response) => response.text)),
          ({ reason }) => (reason._tag === "Timeout" ? reason.phase : reason)
        )
      assert.strictEqual(yield* phase("/", { response: 20 }), "response")
      assert.strictEqual(yield* phase("/body", { body: 20 }), "body")
      assert.strictEqual(yield* phase("/slow redirect", { total: 50 }), "total")
      const one = yield* UndiciExchange.make({ connections: 1 })
      const narrow = yield* Effect.provideService(GreenHttp.make({ baseUrl: server.url }), HttpExchange, one)
      const holder = yield* Effect.forkChild(narrow.get("/"), { startImmediately: true })
      const waiting = yield* Effect.flip(narrow.get("/", { timeouts: { connection: 20 } }))
      assert.deepStrictEqual(waiting.reason, { _tag: "Timeout", phase: "connection", milliseconds: 20 })
      yield* Fiber.interrupt(holder)
    }).pipe(over)
  )
})

describe("connections", () => {
  it.live("one request after the other has one", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => response.end("body"))
      const http = yield* GreenHttp.make({ baseUrl: server.url })
      for (let round = 0; round < 20; round++) {
        const response = yield* http.get("/")
        if (round % 2 === 0) yield* response.text
        else yield* response.discard
      }
      assert.strictEqual(server.connections(), 1)
    }).pipe(over)
  )
})
