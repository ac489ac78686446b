import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { UndiciExchange } from "green-http"
import * as EffectHttpClient from "green-http/EffectHttpClient"
import { gzipSync } from "node:zlib"
import { bodyOf, serve } from "./support/server.ts"

const over = Effect.provide(Layer.provide(EffectHttpClient.layer(), UndiciExchange.layer()))

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
