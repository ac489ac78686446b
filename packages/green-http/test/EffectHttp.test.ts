import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { GreenHttp, UndiciExchange } from "green-http"
import * as EffectHttp from "green-http/EffectHttp"
import { gzipSync } from "node:zlib"
import { bodyOf, serve } from "./support/server.ts"

const over = Effect.provide(Layer.provide(EffectHttp.layerClient(), UndiciExchange.layer()))

describe("effect/http's client over a session", () => {
  it.live("keeps cookies across redirects, and decompresses, which its own layers do not", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        if (request.url === "/start") response.writeHead(302, { location: "/end", "set-cookie": "a=1" }).end()
        else response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(`cookie: ${request.headers.cookie}`))
      })
      const response = yield* HttpClient.get(new URL("/start", server.url))
      assert.strictEqual(yield* response.text, "cookie: a=1")
    }).pipe(over)
  )

  it.live("bodies of every kind go out, and are decoded when they come back", () =>
    Effect.gen(function* () {
      const server = yield* serve(async (request, response) => {
        response.setHeader("content-type", "application/json")
        response.end(JSON.stringify({ type: request.headers["content-type"], body: await bodyOf(request) }))
      })
      const Echo = Schema.Struct({ type: Schema.optional(Schema.String), body: Schema.String })
      const post = HttpClientRequest.post(server.url)
      const send = (request: HttpClientRequest.HttpClientRequest) =>
        Effect.flatMap(HttpClient.execute(request), HttpClientResponse.schemaBodyJson(Echo))
      const json = yield* HttpClientRequest.bodyJson(post, { n: 1 })
      assert.deepStrictEqual(yield* send(json), { type: "application/json", body: '{"n":1}' })
      assert.deepStrictEqual(yield* send(HttpClientRequest.bodyText(post, "text")), {
        type: "text/plain",
        body: "text"
      })
      const stream = HttpClientRequest.bodyStream(post, Stream.encodeText(Stream.make("a", "b")))
      assert.strictEqual((yield* send(stream)).body, "ab")
      assert.strictEqual((yield* send(HttpClientRequest.bodyUrlParams(post, { a: "1" }))).body, "a=1")
      const form = new FormData()
      form.set("field", "value")
      assert.include((yield* send(HttpClientRequest.bodyFormData(post, form))).body, "value")
    }).pipe(over)
  )

  it.live("a failure is a TransportError, with ours as its cause", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(HttpClient.get("http://127.0.0.1:1/"))
      assert.strictEqual(error.reason._tag, "TransportError")
      assert.include(error.message, "ECONNREFUSED")
    }).pipe(over)
  )

  it.live("a body is streamed, and a scoped request lets go of it", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => {
        response.write(Buffer.alloc(500_000))
      })
      const first = yield* Effect.scoped(
        Effect.gen(function* () {
          const client = HttpClient.withScope(yield* HttpClient.HttpClient)
          const response = yield* client.get(server.url)
          return yield* Stream.runHead(response.stream)
        })
      )
      assert.strictEqual(first._tag, "Some")
      yield* Effect.repeat(Effect.sleep(5), { until: () => server.open() === 0 })
    }).pipe(over)
  )
})

describe("a client of effect/http as an exchange", () => {
  const session = <A, E>(
    client: Layer.Layer<HttpClient.HttpClient>,
    use: (http: GreenHttp.GreenHttp) => Effect.Effect<A, E>
  ) =>
    Effect.flatMap(GreenHttp.make(), use).pipe(
      Effect.provide(Layer.provide(EffectHttp.layerFromClient, client)),
      Effect.scoped
    )

  it.live("has the cookies and the redirects of the session above it, over undici and over fetch", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        if (request.url === "/start") response.writeHead(302, { location: "/end", "set-cookie": "a=1" }).end()
        else response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(`cookie: ${request.headers.cookie}`))
      })
      const manual = Layer.provide(
        FetchHttpClient.layer,
        Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" })
      )
      for (const client of [NodeHttpClient.layerUndici, manual]) {
        const text = yield* session(client, (http) =>
          Effect.flatMap(http.get(new URL("/start", server.url)), (response) => response.text)
        )
        assert.strictEqual(text, "cookie: a=1")
      }
    })
  )

  it.live("its failures are those of an exchange, with the system's code", () =>
    Effect.gen(function* () {
      for (const client of [NodeHttpClient.layerUndici, NodeHttpClient.layerNodeHttp, FetchHttpClient.layer]) {
        const { reason } = yield* session(client, (http) => Effect.flip(http.get("http://127.0.0.1:2/")))
        assert.strictEqual(reason._tag === "Connect" ? reason.code : reason, "ECONNREFUSED")
      }
      const other = yield* session(NodeHttpClient.layerUndici, (http) =>
        Effect.flip(http.request("PROPFIND", "http://127.0.0.1:2/"))
      )
      assert.strictEqual(other.reason._tag, "InvalidRequest")
    })
  )

  it.effect("one that accepts only good statuses fails with the status", () =>
    Effect.gen(function* () {
      const missing = HttpClient.make((request) =>
        Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: 404 })))
      )
      const strict = Layer.succeed(HttpClient.HttpClient, HttpClient.filterStatusOk(missing))
      const { reason } = yield* session(strict, (http) => Effect.flip(http.get("http://app.test/")))
      assert.deepStrictEqual(reason, { _tag: "Status", status: 404 })
    })
  )
})

describe("an application of effect/http as an exchange", () => {
  class Greeting extends Context.Service<Greeting, { readonly text: string }>()("test/Greeting") {}

  const get = (path: string) =>
    Effect.gen(function* () {
      const http = yield* GreenHttp.make({ baseUrl: "http://app.test" })
      const response = yield* http.get(path)
      return [response.status, yield* response.text]
    })

  it.effect("has its own services; its failures and defects are responses", () =>
    Effect.gen(function* () {
      const app = Effect.gen(function* () {
        const { url } = yield* HttpServerRequest.HttpServerRequest
        if (url === "/fail") return yield* Effect.fail("no")
        if (url === "/die") return yield* Effect.die("no")
        return HttpServerResponse.text(`${(yield* Greeting).text} ${url}`)
      })
      const layer = EffectHttp.layerFromApp(app).pipe(
        Layer.provide(Layer.succeed(Greeting, { text: "hello" })),
        Layer.provide(Layer.succeed(References.UnhandledLogLevel, undefined))
      )
      const answers = Effect.forEach(["/page?q=1", "/fail", "/die"], get)
      assert.deepStrictEqual(yield* Effect.provide(answers, layer), [
        [200, "hello /page?q=1"],
        [500, ""],
        [500, ""]
      ])
    })
  )

  it.effect("its scope is closed when the body has ended, and not before", () =>
    Effect.gen(function* () {
      let open = false
      const resource = Effect.acquireRelease(
        Effect.sync(() => (open = true)),
        () => Effect.sync(() => (open = false))
      )
      const body = Stream.encodeText(Stream.fromEffect(Effect.sync(() => `open: ${open}`)))
      const app = Effect.as(resource, HttpServerResponse.stream(body))
      const answer = yield* Effect.provide(get("/"), EffectHttp.layerFromApp(app))
      assert.deepStrictEqual(answer, [200, "open: true"])
      yield* Effect.repeat(Effect.yieldNow, { until: () => !open })
    })
  )

  it.effect("interrupting the exchange interrupts it, unless it is uninterruptible", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const ends: Array<string> = []
      const app = Effect.andThen(Deferred.succeed(started, undefined), Deferred.await(go)).pipe(
        Effect.onExit((exit) => Effect.sync(() => ends.push(exit._tag))),
        Effect.as(HttpServerResponse.empty())
      )
      const exchange = yield* EffectHttp.fromApp(app)
      const request = { method: "GET", url: new URL("http://app.test/"), headers: [] }
      const fiber = yield* Effect.forkChild(exchange(request))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      yield* Effect.repeat(Effect.yieldNow, { until: () => ends.length === 1 })
      const held = yield* EffectHttp.fromApp(Effect.uninterruptible(app))
      const other = yield* Effect.forkChild(held(request), { startImmediately: true })
      yield* Fiber.interrupt(other)
      yield* Deferred.succeed(go, undefined)
      yield* Effect.repeat(Effect.yieldNow, { until: () => ends.length === 2 })
      assert.deepStrictEqual(ends, ["Failure", "Success"])
    })
  )
})
