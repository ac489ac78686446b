/** What the tests of Python's requests say of bodies, up and down, where no other file says it. See ../requests.md. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Auth, GreenHttp, UndiciExchange } from "green-http"
import { Asked, echo } from "../support/asked.ts"
import { bodyOf, serve, serveRaw } from "../support/server.ts"

const over = Effect.provide(UndiciExchange.layer())

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
